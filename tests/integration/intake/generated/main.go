// Submits a drill and reads its status through the generated client alone: drill URL CREDENTIAL KEY.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"drill/api"
)

func main() {
	url, credential, key := os.Args[1], os.Args[2], os.Args[3]
	signed := api.WithRequestEditorFn(func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+credential)
		return nil
	})
	client, err := api.NewClientWithResponses(url, signed)
	check(err)
	drill := true
	ctx := context.Background()
	report := api.Submission{Role: api.Victim, HarmTypes: []api.HarmType{api.HarmTypeOther}, Synthetic: &drill}
	submitted, err := client.SubmitReportWithResponse(ctx, &api.SubmitReportParams{IdempotencyKey: &key}, report)
	check(err)
	if submitted.JSON202 == nil {
		panic(submitted.Status())
	}
	question := api.ReceiptQuestion{Receipt: submitted.JSON202.Receipt}
	told, err := client.GetReportStatusWithResponse(ctx, &api.GetReportStatusParams{}, question)
	check(err)
	if told.JSON200 == nil {
		panic(told.Status())
	}
	fmt.Println(submitted.JSON202.ReportId, told.JSON200.State)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
