<?php
// Asks authlink for a link, queries it, and receives the callback. PHP 8 with openssl; no packages.
// Under a web server this file is the address of the callback; on the command line it asks.

declare(strict_types=1);

const SIGNED_HEADERS = ['businessId', 'nonce', 'signType', 'timestamp'];

function setting(string $name, ?string $default = null): string
{
    $value = getenv($name);
    return $value !== false ? $value : $default ?? throw new RuntimeException("$name is not set");
}

function signType(): string
{
    return setting('SIGN_TYPE', 'SHA256-RSA');
}

function stringToSign(array $headers, string $body): string
{
    $pairs = [];
    foreach (SIGNED_HEADERS as $name) {
        if (($headers[$name] ?? '') !== '') {
            $pairs[] = "$name=$headers[$name]";
        }
    }
    return implode('&', $pairs) . $body;
}

function md5Sign(string $text): string
{
    return strtoupper(md5($text . trim(file_get_contents(setting('MD5_KEY_FILE')))));
}

function sign(string $text): string
{
    if (signType() === 'MD5') {
        return md5Sign($text);
    }
    openssl_sign($text, $signature, file_get_contents(setting('PRIVATE_KEY_FILE')), OPENSSL_ALGO_SHA256);
    return base64_encode($signature);
}

function verify(string $text, string $signature): bool
{
    // The kind is the one that was agreed on, never the one that a callback's header names.
    if (signType() === 'MD5') {
        return hash_equals(md5Sign($text), $signature);
    }
    $key = file_get_contents(setting('AUTHLINK_PUBLIC_KEY_FILE'));
    return openssl_verify($text, (string) base64_decode($signature, true), $key, OPENSSL_ALGO_SHA256) === 1;
}

function call(string $path, array $fields): array
{
    $identity = ['merchantId' => setting('MERCHANT_ID'), 'businessId' => setting('BUSINESS_ID')];
    // Encoded once: what is signed and what is sent are the same bytes.
    $body = json_encode($identity + $fields, JSON_THROW_ON_ERROR);
    $headers = [
        'businessId' => setting('BUSINESS_ID'),
        'nonce' => bin2hex(random_bytes(16)),
        'timestamp' => (string) (int) (microtime(true) * 1000),
        'signType' => signType(),
    ];
    $headers['sign'] = sign(stringToSign($headers, $body));
    $headers['Content-Type'] = 'application/json; charset=utf-8';
    $lines = array_map(fn ($name, $value) => "$name: $value", array_keys($headers), $headers);
    $http = ['method' => 'POST', 'header' => $lines, 'content' => $body, 'timeout' => 35, 'ignore_errors' => true];
    $url = setting('ENDPOINT') . "/v1/openapi/auth/alipay/$path";
    $answer = file_get_contents($url, false, stream_context_create(['http' => $http]));
    return json_decode((string) $answer, true, 32, JSON_THROW_ON_ERROR);
}

function save(array $user): void
{
    // Goes into the database, under the unique serialNo: a callback may come more than once.
    $line = "{$user['serialNo']} {$user['userId']} " . ($user['openId'] ?? $user['alipayUserId']);
    file_put_contents('php://stdout', "$line\n");
}

function receive(): void
{
    $body = file_get_contents('php://input');
    $headers = [];
    foreach ([...SIGNED_HEADERS, 'sign'] as $name) {
        $headers[$name] = $_SERVER['HTTP_' . strtoupper($name)] ?? '';
    }
    $genuine = verify(stringToSign($headers, $body), $headers['sign']);
    if ($genuine && $headers['businessId'] === setting('BUSINESS_ID')) {
        save(json_decode($body, true, 32, JSON_THROW_ON_ERROR));
        echo 'SUCCESS';
    } else {
        http_response_code(401);
        echo 'FAIL';
    }
}

function main(array $arguments): void
{
    if (count($arguments) === 4 && $arguments[0] === 'link') {
        [, $serialNo, $userId, $callbackUrl] = $arguments;
        $answer = call('url', compact('serialNo', 'userId', 'callbackUrl'));
        $link = $answer['data']['alipayAuthUrl'] ?? null;
        echo $link ?? throw new RuntimeException("status {$answer['status']}: {$answer['message']}"), "\n";
    } elseif (count($arguments) === 2 && $arguments[0] === 'query') {
        echo json_encode(call('query', ['serialNo' => $arguments[1]])), "\n";
    } else {
        fwrite(STDERR, "usage: authlink.php link SERIAL_NO USER_ID CALLBACK_URL | query SERIAL_NO\n");
        exit(2);
    }
}

PHP_SAPI === 'cli' ? main(array_slice($argv, 1)) : receive();
