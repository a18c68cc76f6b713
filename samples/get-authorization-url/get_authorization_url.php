<?php
// Asks authlink for a link by Alibaba Cloud's SDK. Needs `composer require alibabacloud/dypnsapi-20170525`.
require 'vendor/autoload.php';

use AlibabaCloud\SDK\Dypnsapi\V20170525\Dypnsapi;
use AlibabaCloud\SDK\Dypnsapi\V20170525\Models\GetAuthorizationUrlRequest;
use Darabonba\OpenApi\Models\Config;

// With its scheme: an SDK without a host would call Alibaba Cloud itself.
$endpoint = parse_url(getenv('ENDPOINT'));
$client = new Dypnsapi(new Config([
    'accessKeyId' => getenv('ACCESS_KEY_ID'),
    'accessKeySecret' => trim(file_get_contents(getenv('ACCESS_KEY_SECRET_FILE'))),
    'endpoint' => $endpoint['host'] . (isset($endpoint['port']) ? ":{$endpoint['port']}" : ''),
    'protocol' => strtoupper($endpoint['scheme']),
    'regionId' => 'cn-hangzhou',
]));

$request = new GetAuthorizationUrlRequest(['phoneNo' => $argv[1], 'schemeId' => (int) $argv[2]]);
if (isset($argv[3])) {
    $request->endDate = $argv[3];
}
$body = $client->getAuthorizationUrl($request)->body;
fwrite(STDERR, "RequestId {$body->requestId}\n");
echo $body->data->authorizationUrl, "\n";
