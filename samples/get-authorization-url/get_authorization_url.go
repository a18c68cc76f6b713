// Asks authlink for a link by Alibaba Cloud's SDK. Needs `go mod init call`, then
// `go get github.com/alibabacloud-go/dypnsapi-20170525/v2 github.com/alibabacloud-go/darabonba-openapi/v2`.
package main

import (
	"fmt"
	"log"
	"net/url"
	"os"
	"strconv"
	"strings"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	dypnsapi "github.com/alibabacloud-go/dypnsapi-20170525/v2/client"
)

func main() {
	secret, err := os.ReadFile(os.Getenv("ACCESS_KEY_SECRET_FILE"))
	check(err)
	// With its scheme: an SDK without a host would call Alibaba Cloud itself.
	endpoint, err := url.Parse(os.Getenv("ENDPOINT"))
	check(err)
	scheme, err := strconv.ParseInt(os.Args[2], 10, 64)
	check(err)

	client, err := dypnsapi.NewClient(&openapi.Config{
		AccessKeyId:     text(os.Getenv("ACCESS_KEY_ID")),
		AccessKeySecret: text(strings.TrimSpace(string(secret))),
		Endpoint:        text(endpoint.Host),
		Protocol:        text(strings.ToUpper(endpoint.Scheme)),
		RegionId:        text("cn-hangzhou"),
	})
	check(err)
	request := &dypnsapi.GetAuthorizationUrlRequest{PhoneNo: &os.Args[1], SchemeId: &scheme}
	if len(os.Args) > 3 {
		request.EndDate = &os.Args[3]
	}
	answer, err := client.GetAuthorizationUrl(request)
	check(err)
	fmt.Fprintln(os.Stderr, "RequestId", *answer.Body.RequestId)
	fmt.Println(*answer.Body.Data.AuthorizationUrl)
}

func text(value string) *string {
	return &value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
