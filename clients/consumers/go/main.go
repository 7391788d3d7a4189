// Print who owns each report: the first record of its highest version in the topic `routings`.
//
// Reads the topic once, from its beginning to the end it has now, without a consumer group. Prints one JSON line per
// report, sorted, and what was passed over as one JSON line on standard error.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Known types; true where `decision` names the owner, false where the record itself does.
var moves = map[string]bool{
	"report.routed.v1": true, "report.rerouted.v1": true, "report.updated.v1": false, "report.ended.v1": false,
}
var center = regexp.MustCompile(`^[a-z][a-z-]{1,30}$`)

type owner struct {
	ReportID  string `json:"report_id"`
	CenterID  string `json:"center_id"`
	Ownership int64  `json:"ownership"`
	Version   int64  `json:"version"`
}

type owners struct {
	found  map[string]owner
	ids    map[string]bool
	counts struct {
		Records      int `json:"records"`
		Duplicates   int `json:"duplicates"`
		Superseded   int `json:"superseded"`
		UnknownTypes int `json:"unknown_types"`
		Garbage      int `json:"garbage"`
		Gaps         int `json:"gaps"`
	}
}

// take counts one record in; records of a partition come in its order.
func (o *owners) take(record *kgo.Record) {
	o.counts.Records++
	headers := map[string]string{}
	for _, header := range record.Headers { // the first header of a name counts
		name := strings.ToLower(header.Key)
		if _, given := headers[name]; !given && header.Value != nil {
			headers[name] = string(header.Value)
		}
	}
	kind, id := headers["ce_type"], headers["ce_id"]
	if headers["ce_specversion"] != "1.0" || headers["ce_source"] != "/ieum/routing" || kind == "" || id == "" {
		o.counts.Garbage++
		return
	}
	if _, known := moves[kind]; !known {
		o.counts.UnknownTypes++ // a newer writer: its reports may be ahead of what is known here
		return
	}
	read, ok := content(kind, record)
	known := o.found[read.ReportID].Version
	switch {
	case !ok:
		o.counts.Garbage++
		return
	case o.ids[id]:
		o.counts.Duplicates++
	case read.Version <= known:
		o.counts.Superseded++ // written late by a worker that no longer had the partition: never counts
	default:
		if read.Version > known+1 {
			o.counts.Gaps++
		}
		o.found[read.ReportID] = read
	}
	o.ids[id] = true
}

// content reads what a record says. Maps, because structs would take fields by any case. What is unknown is no error.
func content(kind string, record *kgo.Record) (read owner, ok bool) {
	body, decision := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if !utf8.Valid(record.Value) || json.Unmarshal(record.Value, &body) != nil {
		return read, false
	}
	told := body
	if moves[kind] {
		if json.Unmarshal(body["decision"], &decision) != nil {
			return read, false
		}
		told = decision
	}
	bad := json.Unmarshal(body["report_id"], &read.ReportID) != nil ||
		json.Unmarshal(told["center_id"], &read.CenterID) != nil ||
		json.Unmarshal(body["ownership"], &read.Ownership) != nil ||
		json.Unmarshal(body["version"], &read.Version) != nil
	return read, !bad && record.Key != nil && read.ReportID == string(record.Key) &&
		center.MatchString(read.CenterID) && read.Ownership >= 1 && read.Version >= 1
}

func main() {
	ctx, topic := context.Background(), os.Getenv("KAFKA_TOPIC_PREFIX")+"routings"
	// franz-go itself connects anew for ever.
	silence := time.AfterFunc(patience(), func() { log.Fatalf("reading failed: no record for %v", patience()) })
	client := must(kgo.NewClient(append(options(), kgo.KeepControlRecords())...))
	defer client.Close()
	ends := must(kadm.NewClient(client).ListEndOffsets(ctx, topic))
	if ends.Error() != nil || len(ends[topic]) == 0 {
		log.Fatalf("cannot read topic %s: %v", topic, ends.Error())
	}
	begins := must(kadm.NewClient(client).ListStartOffsets(ctx, topic))
	left, starts := map[int32]int64{}, map[int32]kgo.Offset{}
	for number, end := range ends[topic] {
		if end.Offset > begins[topic][number].Offset {
			left[number], starts[number] = end.Offset, kgo.NewOffset().AtStart()
		}
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts})
	read := owners{found: map[string]owner{}, ids: map[string]bool{}}
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			log.Fatalf("reading failed: %v", err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			silence.Reset(patience())
			end, reading := left[record.Partition]
			if reading && record.Offset < end && !record.Attrs.IsControl() {
				read.take(record)
			}
			if reading && record.Offset+1 >= end {
				delete(left, record.Partition)
			}
		})
	}
	silence.Stop()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	lines := json.NewEncoder(out)
	for _, report := range slices.Sorted(maps.Keys(read.found)) {
		lines.Encode(read.found[report])
	}
	json.NewEncoder(os.Stderr).Encode(read.counts)
}
