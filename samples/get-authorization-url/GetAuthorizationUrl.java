// Asks authlink for a link by Alibaba Cloud's SDK. Needs com.aliyun:dypnsapi20170525 on the class path.
import com.aliyun.dypnsapi20170525.Client;
import com.aliyun.dypnsapi20170525.models.GetAuthorizationUrlRequest;
import com.aliyun.teaopenapi.models.Config;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;

public final class GetAuthorizationUrl {
    public static void main(String[] arguments) throws Exception {
        // With its scheme: an SDK without a host would call Alibaba Cloud itself.
        var endpoint = URI.create(System.getenv("ENDPOINT"));
        var client = new Client(new Config()
                .setAccessKeyId(System.getenv("ACCESS_KEY_ID"))
                .setAccessKeySecret(Files.readString(Path.of(System.getenv("ACCESS_KEY_SECRET_FILE"))).strip())
                .setEndpoint(endpoint.getAuthority())
                .setProtocol(endpoint.getScheme().toUpperCase())
                .setRegionId("cn-hangzhou"));
        var request = new GetAuthorizationUrlRequest()
                .setPhoneNo(arguments[0])
                .setSchemeId(Long.valueOf(arguments[1]));
        if (arguments.length > 2) {
            request.setEndDate(arguments[2]);
        }
        var body = client.getAuthorizationUrl(request).getBody();
        System.err.println("RequestId " + body.getRequestId());
        System.out.println(body.getData().getAuthorizationUrl());
    }
}
