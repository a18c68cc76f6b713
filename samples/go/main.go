// Command authlink asks authlink for a link, queries it, and receives the callback. Go 1.19; no modules.
package main

import (
	"bytes"
	"crypto"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"os"
	"strings"
	"time"
)

var businessID, useMD5 = os.Getenv("BUSINESS_ID"), os.Getenv("SIGN_TYPE") == "MD5"

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func file(variable string) []byte { return must(os.ReadFile(os.Getenv(variable))) }

func der(block *pem.Block, _ []byte) []byte { return block.Bytes }

func stringToSign(header http.Header, body []byte) []byte {
	var pairs []string
	for _, name := range []string{"businessId", "nonce", "signType", "timestamp"} {
		if value := header.Get(name); value != "" {
			pairs = append(pairs, name+"="+value)
		}
	}
	return append([]byte(strings.Join(pairs, "&")), body...)
}

func md5Of(text []byte) string {
	return fmt.Sprintf("%X", md5.Sum(append(text, bytes.TrimSpace(file("MD5_KEY_FILE"))...)))
}

func sign(text []byte) string {
	if useMD5 {
		return md5Of(text)
	}
	key := must(x509.ParsePKCS8PrivateKey(der(pem.Decode(file("PRIVATE_KEY_FILE"))))).(*rsa.PrivateKey)
	digest := sha256.Sum256(text)
	return base64.StdEncoding.EncodeToString(must(rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])))
}

// verify goes by the kind that was agreed on, never by the one that a callback's header names.
func verify(text []byte, signature string) bool {
	if useMD5 {
		return subtle.ConstantTimeCompare([]byte(md5Of(text)), []byte(signature)) == 1
	}
	key := must(x509.ParsePKIXPublicKey(der(pem.Decode(file("AUTHLINK_PUBLIC_KEY_FILE"))))).(*rsa.PublicKey)
	digest := sha256.Sum256(text)
	decoded, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], decoded) == nil
}

func call(path string, fields map[string]string) (answer map[string]any) {
	fields["merchantId"], fields["businessId"] = os.Getenv("MERCHANT_ID"), businessID
	body := must(json.Marshal(fields)) // once: what is signed and what is sent are the same bytes
	address := os.Getenv("ENDPOINT") + "/v1/openapi/auth/alipay/" + path
	request := must(http.NewRequest(http.MethodPost, address, bytes.NewReader(body)))
	request.Header.Set("businessId", businessID)
	request.Header.Set("nonce", must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))).Text(16))
	request.Header.Set("timestamp", fmt.Sprint(time.Now().UnixMilli()))
	request.Header.Set("signType", map[bool]string{true: "MD5", false: "SHA256-RSA"}[useMD5])
	request.Header.Set("sign", sign(stringToSign(request.Header, body)))
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	response := must((&http.Client{Timeout: 35 * time.Second}).Do(request))
	defer response.Body.Close()
	must(0, json.NewDecoder(response.Body).Decode(&answer))
	return answer
}

func receive(writer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	genuine := err == nil && verify(stringToSign(request.Header, body), request.Header.Get("sign"))
	var user struct{ SerialNo, UserID, OpenID, AlipayUserID string }
	if !genuine || request.Header.Get("businessId") != businessID || json.Unmarshal(body, &user) != nil {
		http.Error(writer, "FAIL", http.StatusUnauthorized)
		return
	}
	// Goes into the database, under the unique serialNo: a callback may come more than once.
	fmt.Println(user.SerialNo, user.UserID, user.OpenID, user.AlipayUserID)
	io.WriteString(writer, "SUCCESS")
}

func main() {
	switch args := os.Args[1:]; {
	case len(args) == 4 && args[0] == "link":
		answer := call("url", map[string]string{"serialNo": args[1], "userId": args[2], "callbackUrl": args[3]})
		link, found := answer["data"].(map[string]any)["alipayAuthUrl"]
		if !found {
			log.Fatalf("status %v: %v", answer["status"], answer["message"])
		}
		fmt.Println(link)
	case len(args) == 2 && args[0] == "query":
		fmt.Println(string(must(json.Marshal(call("query", map[string]string{"serialNo": args[1]})))))
	case len(args) == 2 && args[0] == "listen":
		log.Fatal(http.ListenAndServe("127.0.0.1:"+args[1], http.HandlerFunc(receive)))
	default:
		log.Fatal("usage: authlink link SERIAL_NO USER_ID CALLBACK_URL | query SERIAL_NO | listen PORT")
	}
}
