#!/usr/bin/env ruby
# frozen_string_literal: true

# Asks authlink for a link, queries it, and receives the callback. Ruby 3; to receive, the gem webrick.

require 'base64'
require 'digest'
require 'json'
require 'net/http'
require 'openssl'
require 'securerandom'

BUSINESS_ID = ENV.fetch('BUSINESS_ID')
SIGN_TYPE = ENV.fetch('SIGN_TYPE', 'SHA256-RSA')
SIGNED_HEADERS = %w[businessId nonce signType timestamp].freeze

def string_to_sign(headers, body)
  pairs = SIGNED_HEADERS.reject { |name| headers[name].to_s.empty? }.map { |name| "#{name}=#{headers[name]}" }
  pairs.join('&').b + body.b
end

def key(variable)
  OpenSSL::PKey.read(File.read(ENV.fetch(variable)))
end

def md5(text)
  Digest::MD5.hexdigest(text + File.read(ENV.fetch('MD5_KEY_FILE')).strip).upcase
end

def sign(text)
  return md5(text) if SIGN_TYPE == 'MD5'

  Base64.strict_encode64(key('PRIVATE_KEY_FILE').sign('SHA256', text))
end

def genuine?(text, signature)
  # The kind is the one that was agreed on, never the one that a callback's header names.
  return OpenSSL.secure_compare(md5(text), signature) if SIGN_TYPE == 'MD5'

  key('AUTHLINK_PUBLIC_KEY_FILE').verify('SHA256', Base64.strict_decode64(signature), text)
rescue ArgumentError, OpenSSL::PKey::PKeyError
  false
end

def call(path, fields)
  # Generated once: what is signed and what is sent are the same bytes.
  body = JSON.generate({ merchantId: ENV.fetch('MERCHANT_ID'), businessId: BUSINESS_ID, **fields })
  headers = {
    'businessId' => BUSINESS_ID,
    'nonce' => SecureRandom.hex(16),
    'timestamp' => Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond).to_s,
    'signType' => SIGN_TYPE
  }
  headers['sign'] = sign(string_to_sign(headers, body))
  headers['Content-Type'] = 'application/json; charset=utf-8'
  url = URI("#{ENV.fetch('ENDPOINT')}/v1/openapi/auth/alipay/#{path}")
  connection = { use_ssl: url.scheme == 'https', read_timeout: 35 }
  answer = Net::HTTP.start(url.host, url.port, connection) { |http| http.post(url.path, body, headers) }
  JSON.parse(answer.body)
end

def save(user)
  # Goes into the database, under the unique serialNo: a callback may come more than once.
  puts "#{user['serialNo']} #{user['userId']} #{user['openId'] || user['alipayUserId']}"
  $stdout.flush
end

def receive(request, response)
  headers = SIGNED_HEADERS.to_h { |name| [name, request[name]] }
  if genuine?(string_to_sign(headers, request.body.to_s), request['sign'].to_s) && request['businessId'] == BUSINESS_ID
    save(JSON.parse(request.body))
    response.body = 'SUCCESS'
  else
    response.status = 401
    response.body = 'FAIL'
  end
end

def listen(port)
  require 'webrick'
  server = WEBrick::HTTPServer.new(BindAddress: '127.0.0.1', Port: port, AccessLog: [])
  server.mount_proc('/') { |request, response| receive(request, response) }
  trap('TERM') { server.shutdown }
  server.start
end

case ARGV
in ['link', serial_no, user_id, callback_url]
  answer = call('url', { serialNo: serial_no, userId: user_id, callbackUrl: callback_url })
  puts answer['data'].fetch('alipayAuthUrl') { abort "status #{answer['status']}: #{answer['message']}" }
in ['query', serial_no]
  puts JSON.generate(call('query', { serialNo: serial_no }))
in ['listen', port]
  listen(Integer(port))
else
  abort 'usage: authlink.rb link SERIAL_NO USER_ID CALLBACK_URL | query SERIAL_NO | listen PORT'
end
