package ieum;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;

/** Settings of the connection. */
final class Connection {
    private Connection() {}

    static String given(String name, String otherwise) {
        String value = System.getenv("KAFKA_" + name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    /** After how long without a record the program gives up; the library itself connects anew for ever. */
    static final long PATIENCE_S = Long.parseLong(given("READ_TIMEOUT_S", "60"));

    /** How to connect, from KAFKA_* variables. */
    static Properties options() throws IOException {
        var options = new Properties();
        String protocol = given("SECURITY_PROTOCOL", "PLAINTEXT"), mechanism = given("SASL_MECHANISM", "SCRAM-SHA-512");
        options.put("bootstrap.servers", given("BOOTSTRAP_SERVERS", "127.0.0.1:9092"));
        options.put("security.protocol", protocol);
        options.put("auto.offset.reset", "earliest");
        options.put("default.api.timeout.ms", String.valueOf(1000 * PATIENCE_S));
        options.put("allow.auto.create.topics", "false");
        if (protocol.startsWith("SASL_")) {
            options.put("sasl.mechanism", mechanism);
            options.put("sasl.jaas.config", "org.apache.kafka.common.security.scram.ScramLoginModule required username=\""
                    + quoted(given("SASL_USERNAME", "")) + "\" password=\"" + quoted(given("SASL_PASSWORD", "")) + "\";");
        }
        var files = Map.of("CAFILE", "ssl.truststore.certificates", "CERTFILE", "ssl.keystore.certificate.chain",
                "KEYFILE", "ssl.keystore.key"); // all PEM; the key in PKCS #8
        for (var file : files.entrySet()) {
            String name = given("SSL_" + file.getKey(), "");
            if (protocol.endsWith("SSL") && !name.isEmpty()) {
                options.put(file.getKey().equals("CAFILE") ? "ssl.truststore.type" : "ssl.keystore.type", "PEM");
                options.put(file.getValue(), Files.readString(Path.of(name)));
            }
        }
        return options;
    }

    private static String quoted(String value) {
        return value.replace("\\", "\\\\").replace("\"", "\\\"");
    }
}
