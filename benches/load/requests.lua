-- Sends each signed request of a file once. Arguments: the file, with nonce, timestamp and sign in each line; the body;
-- and the milliseconds that each connection waits between two requests.
local lines, body
local headers = {businessId = "demo", signType = "MD5"}

function init(arguments)
  lines, body = io.lines(arguments[1]), arguments[2]
  local wait = tonumber(arguments[3])
  if wait > 0 then delay = function() return wait end end
end

function request()
  headers.nonce, headers.timestamp, headers.sign = lines():match("^(%S+) (%S+) (%S+)$")
  return wrk.format("POST", "/v1/openapi/auth/alipay/url", headers, (body:gsub("SERIAL", headers.nonce)))
end

function done(summary, latency)
  local e, ms = summary.errors, 1e3
  print(string.format('{"requests":%d,"seconds":%f,"p50Millis":%f,"p99Millis":%f,"longestMillis":%f,"errors":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / ms, latency:percentile(99) / ms,
    latency.max / ms, e.connect + e.read + e.write + e.status + e.timeout))
end
