-- Sends each signed request of a file once. Arguments: the file, with nonce, timestamp, sign and signType in each line;
-- path; body; and the milliseconds that each connection waits between two requests.
local lines, path, body

function init(arguments)
  lines, path, body = io.lines(arguments[1]), arguments[2], arguments[3]
  local wait = tonumber(arguments[4])
  if wait > 0 then delay = function() return wait end end
end

function request()
  local nonce, timestamp, sign, sign_type = lines():match("^(%S+) (%S+) (%S+) (%S*)$")
  local headers = {businessId = "demo", nonce = nonce, timestamp = timestamp, sign = sign, signType = sign_type}
  return wrk.format("POST", path, headers, (body:gsub("SERIAL", nonce)))
end

function done(summary, latency)
  local e, ms = summary.errors, 1e3
  print(string.format('{"requests":%d,"seconds":%f,"p50Millis":%f,"p99Millis":%f,"longestMillis":%f,"errors":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / ms, latency:percentile(99) / ms,
    latency.max / ms, e.connect + e.read + e.write + e.status + e.timeout))
end
