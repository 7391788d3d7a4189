package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"log"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// options says how to connect, from KAFKA_* variables.
func options() []kgo.Opt {
	protocol := os.Getenv("KAFKA_SECURITY_PROTOCOL")
	servers := cmp.Or(os.Getenv("KAFKA_BOOTSTRAP_SERVERS"), "127.0.0.1:9092")
	found := []kgo.Opt{kgo.SeedBrokers(strings.Split(servers, ",")...)}
	if strings.HasSuffix(protocol, "SSL") {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if name := os.Getenv("KAFKA_SSL_CAFILE"); name != "" {
			config.RootCAs = x509.NewCertPool()
			config.RootCAs.AppendCertsFromPEM(must(os.ReadFile(name)))
		}
		if name := os.Getenv("KAFKA_SSL_CERTFILE"); name != "" {
			config.Certificates = []tls.Certificate{must(tls.LoadX509KeyPair(name, os.Getenv("KAFKA_SSL_KEYFILE")))}
		}
		found = append(found, kgo.DialTLSConfig(config))
	}
	if strings.HasPrefix(protocol, "SASL_") {
		auth := scram.Auth{User: os.Getenv("KAFKA_SASL_USERNAME"), Pass: os.Getenv("KAFKA_SASL_PASSWORD")}
		mechanism := auth.AsSha512Mechanism()
		if os.Getenv("KAFKA_SASL_MECHANISM") == "SCRAM-SHA-256" {
			mechanism = auth.AsSha256Mechanism()
		}
		found = append(found, kgo.SASL(mechanism))
	}
	return found
}

// patience says after how long without a record the program gives up.
func patience() time.Duration {
	return must(time.ParseDuration(cmp.Or(os.Getenv("KAFKA_READ_TIMEOUT_S"), "60") + "s"))
}

// must ends the program where something fails.
func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
