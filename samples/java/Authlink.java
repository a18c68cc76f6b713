import com.google.gson.*;
import com.sun.net.httpserver.*;
import java.io.*;
import java.net.*;
import java.net.http.*;
import java.nio.file.*;
import java.security.*;
import java.security.spec.*;
import java.time.Duration;
import java.util.*;
import static java.nio.charset.StandardCharsets.UTF_8;

/** Asks authlink for a link, queries it, and receives the callback. Java 17; of packages, Gson. */
public class Authlink {
    static final String BUSINESS_ID = System.getenv("BUSINESS_ID");
    static final boolean MD5 = "MD5".equals(System.getenv("SIGN_TYPE"));
    static final List<String> SIGNED_HEADERS = List.of("businessId", "nonce", "signType", "timestamp");
    static final PrintStream OUT = new PrintStream(System.out, true, UTF_8);

    static byte[] stringToSign(Map<String, String> headers, byte[] body) {
        List<String> pairs = SIGNED_HEADERS.stream()
                .filter(name -> headers.get(name) != null && !headers.get(name).isEmpty())
                .map(name -> name + "=" + headers.get(name)).toList();
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        text.writeBytes(String.join("&", pairs).getBytes(UTF_8));
        text.writeBytes(body);
        return text.toByteArray();
    }

    static String md5(byte[] text) throws IOException, GeneralSecurityException {
        MessageDigest md5 = MessageDigest.getInstance("MD5");
        md5.update(text);
        byte[] digest = md5.digest(Files.readString(Path.of(System.getenv("MD5_KEY_FILE"))).strip().getBytes(UTF_8));
        return HexFormat.of().withUpperCase().formatHex(digest);
    }

    /** The DER of a key: of a PEM file, or of its bare Base64. */
    static byte[] key(String variable) throws IOException {
        String text = Files.readString(Path.of(System.getenv(variable)));
        return Base64.getDecoder().decode(text.replaceAll("-----[A-Z ]+-----|\\s", ""));
    }

    static String sign(byte[] text) throws IOException, GeneralSecurityException {
        if (MD5) return md5(text);
        Signature rsa = Signature.getInstance("SHA256withRSA");
        var key = new PKCS8EncodedKeySpec(key("PRIVATE_KEY_FILE"));
        rsa.initSign(KeyFactory.getInstance("RSA").generatePrivate(key));
        rsa.update(text);
        return Base64.getEncoder().encodeToString(rsa.sign());
    }

    /** Checks by the kind that was agreed on, never by the one that a callback's header names. */
    static boolean verify(byte[] text, String signature) throws IOException, GeneralSecurityException {
        if (MD5) return MessageDigest.isEqual(md5(text).getBytes(UTF_8), signature.getBytes(UTF_8));
        Signature rsa = Signature.getInstance("SHA256withRSA");
        var key = new X509EncodedKeySpec(key("AUTHLINK_PUBLIC_KEY_FILE"));
        rsa.initVerify(KeyFactory.getInstance("RSA").generatePublic(key));
        rsa.update(text);
        return rsa.verify(Base64.getDecoder().decode(signature));
    }

    static JsonObject call(String path, Map<String, String> fields) throws Exception {
        Map<String, String> all = new LinkedHashMap<>(fields);
        all.putAll(Map.of("merchantId", System.getenv("MERCHANT_ID"), "businessId", BUSINESS_ID));
        byte[] body = new Gson().toJson(all).getBytes(UTF_8); // once: signed and sent are the same bytes
        Map<String, String> headers = new HashMap<>(Map.of("businessId", BUSINESS_ID,
                "nonce", UUID.randomUUID().toString(), "timestamp", "" + System.currentTimeMillis(),
                "signType", MD5 ? "MD5" : "SHA256-RSA"));
        headers.put("sign", sign(stringToSign(headers, body)));
        headers.put("Content-Type", "application/json; charset=utf-8");
        URI url = URI.create(System.getenv("ENDPOINT") + "/v1/openapi/auth/alipay/" + path);
        HttpRequest.Builder request = HttpRequest.newBuilder(url).timeout(Duration.ofSeconds(35))
                .POST(HttpRequest.BodyPublishers.ofByteArray(body));
        headers.forEach(request::header);
        var answer = HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString(UTF_8));
        return new Gson().fromJson(answer.body(), JsonObject.class);
    }

    /** Goes into the database, under the unique serialNo: a callback may come more than once. */
    static void save(JsonObject user) {
        String id = user.get(user.has("openId") ? "openId" : "alipayUserId").getAsString();
        OUT.println(user.get("serialNo").getAsString() + " " + user.get("userId").getAsString() + " " + id);
    }

    static void receive(HttpExchange exchange) throws IOException {
        byte[] body = exchange.getRequestBody().readAllBytes();
        Map<String, String> headers = new HashMap<>();
        for (String name : SIGNED_HEADERS) headers.put(name, exchange.getRequestHeaders().getFirst(name));
        boolean genuine;
        try {
            genuine = BUSINESS_ID.equals(headers.get("businessId"))
                    && verify(stringToSign(headers, body), exchange.getRequestHeaders().getFirst("sign"));
        } catch (GeneralSecurityException | RuntimeException malformed) {
            genuine = false;
        }
        if (genuine) save(new Gson().fromJson(new String(body, UTF_8), JsonObject.class));
        byte[] reply = (genuine ? "SUCCESS" : "FAIL").getBytes(UTF_8);
        exchange.sendResponseHeaders(genuine ? 200 : 401, reply.length);
        exchange.getResponseBody().write(reply);
        exchange.close();
    }

    public static void main(String[] args) throws Exception {
        if (args.length == 4 && args[0].equals("link")) {
            JsonObject answer = call("url", Map.of("serialNo", args[1], "userId", args[2], "callbackUrl", args[3]));
            JsonObject data = answer.getAsJsonObject("data");
            if (!data.has("alipayAuthUrl")) throw new IllegalStateException(answer.toString());
            OUT.println(data.get("alipayAuthUrl").getAsString());
        } else if (args.length == 2 && args[0].equals("query")) {
            OUT.println(call("query", Map.of("serialNo", args[1])));
        } else if (args.length == 2 && args[0].equals("listen")) {
            HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[1])), 0);
            server.createContext("/", Authlink::receive);
            server.start();
        } else {
            System.err.println("usage: link SERIAL_NO USER_ID CALLBACK_URL | query SERIAL_NO | listen PORT");
        }
    }
}
