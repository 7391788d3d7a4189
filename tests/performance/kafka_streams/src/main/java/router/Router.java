package router;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Routing's job with Kafka Streams: read reports, decide each once, write the explained event, keep what was decided.
 *
 * Arguments: brokers, topic prefix, output topic, tables (JSON), folder for the state, threads. Reports that were
 * decided before are known by a persistent store with its changelog, as are the sums of the centres. At least once, as
 * routing is; what is told twice has the same id.
 */
public final class Router {
    private static final ObjectMapper JSON =
        new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
    private static final ObjectReader RECEIVED = JSON.readerFor(Facts.Received.class);
    private static final DateTimeFormatter MILLIS = new DateTimeFormatterBuilder().appendInstant(3).toFormatter();
    private static final String DECIDED = "decided", SUMS = "sums", TYPE = "report.routed.v1";
    private static final int NUMBERS = 3;

    /** The centres, what each can carry, and the origin of every place. */
    private record Tables(String version, byte[] ids, String schema, Rule.Load[] empty, Map<String, Integer> index,
                          Map<String, Rule.Origin> origins) {
        static Tables read(File file) throws IOException {
            JsonNode all = JSON.readTree(file);
            List<Rule.Load> loads = new ArrayList<>();
            Map<String, Integer> index = new HashMap<>();
            for (JsonNode one : all.get("centers")) {
                index.put(one.get("id").asText(), loads.size());
                loads.add(new Rule.Load(one.get("id").asText(), Rule.State.valueOf(one.get("state").asText()),
                    one.get("staff").asInt(), 0, one.get("capacity").asInt(), 0, 0, one.get("severe_cap").asInt()));
            }
            Map<String, Rule.Origin> origins = new HashMap<>();
            all.get("origins").properties().forEach(entry -> {
                List<List<String>> rings = new ArrayList<>();
                for (JsonNode ring : entry.getValue().get("rings")) {
                    List<String> centers = new ArrayList<>();
                    ring.forEach(center -> centers.add(center.asText()));
                    rings.add(centers);
                }
                JsonNode home = entry.getValue().get("home");
                origins.put(entry.getKey(), new Rule.Origin(home.isNull() ? null : home.asText(),
                    entry.getValue().get("reason").asText(), rings));
            });
            byte[] ids = HexFormat.of().parseHex(all.get("ids").asText());
            return new Tables(all.get("version").asText(), ids, all.get("schema").asText(),
                loads.toArray(Rule.Load[]::new), index, origins);
        }
    }

    /** What every partition of this process adds up to: load, guests and severe cases of each centre. */
    private static final Map<Integer, int[]> ADDED = new java.util.concurrent.ConcurrentHashMap<>();

    private static final class Decide implements Processor<String, byte[], String, byte[]> {
        private final Tables tables;
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, byte[]> decided;
        private KeyValueStore<String, byte[]> sums;
        private int[] own;

        Decide(Tables tables) {
            this.tables = tables;
        }

        @Override
        public void init(ProcessorContext<String, byte[]> given) {
            context = given;
            decided = given.getStateStore(DECIDED);
            sums = given.getStateStore(SUMS);
            own = new int[tables.empty().length * NUMBERS];
            for (int n = 0; n < tables.empty().length; n++) {
                byte[] kept = sums.get(tables.empty()[n].center());
                if (kept != null) {
                    ByteBuffer.wrap(kept).asIntBuffer().get(own, n * NUMBERS, NUMBERS);
                }
            }
            ADDED.put(given.taskId().partition(), own);
        }

        @Override
        public void process(Record<String, byte[]> record) {
            if (decided.get(record.key()) != null) {
                return;
            }
            Facts.Received report;
            try {
                report = RECEIVED.readValue(record.value());
                report.facts().check();
            } catch (IOException fault) {
                throw new UncheckedIOException(fault);
            }
            Facts facts = report.facts();
            Rule.Severity severity = Rule.severityOf(facts);
            String place = facts.division() + "/" + (facts.district() == null ? "" : facts.district());
            Rule.Load[] loads = loads();
            Rule.Choice choice = Rule.assign(facts, severity, tables.origins().get(place), loads, tables.index());
            add(choice, severity);
            byte[] owner = choice.center().getBytes(StandardCharsets.UTF_8);
            decided.put(record.key(), ByteBuffer.allocate(4 + owner.length).putInt(1).put(owner).array());
            Instant moment = Instant.now();
            String now = MILLIS.format(moment);
            byte[] value = body(report, choice, loads, cause(record.headers()), now);
            context.forward(new Record<>(record.key(), value, moment.toEpochMilli(), headers(record, now)));
        }

        private Rule.Load[] loads() {
            Rule.Load[] loads = new Rule.Load[tables.empty().length];
            for (int n = 0; n < loads.length; n++) {
                int load = 0, guests = 0, severe = 0;
                for (int[] added : ADDED.values()) {
                    load += added[n * NUMBERS];
                    guests += added[n * NUMBERS + 1];
                    severe += added[n * NUMBERS + 2];
                }
                Rule.Load empty = tables.empty()[n];
                loads[n] = new Rule.Load(empty.center(), empty.state(), empty.staff(), load, empty.capacity(), guests,
                    severe, empty.severeCap());
            }
            return loads;
        }

        private void add(Rule.Choice choice, Rule.Severity severity) {
            Integer at = tables.index().get(choice.center());
            if (at == null) {
                return;
            }
            own[at * NUMBERS] += severity.weight();
            own[at * NUMBERS + 1] += choice.center().equals(choice.home()) ? 0 : severity.weight();
            own[at * NUMBERS + 2] += severity.severe() ? 1 : 0;
            ByteBuffer kept = ByteBuffer.allocate(4 * NUMBERS);
            kept.asIntBuffer().put(own, at * NUMBERS, NUMBERS);
            sums.put(choice.center(), kept.array());
        }

        private byte[] body(Facts.Received report, Rule.Choice choice, Rule.Load[] loads, String cause, String now) {
            ByteArrayOutputStream out = new ByteArrayOutputStream(1200);
            try (JsonGenerator json = JSON.createGenerator(out)) {
                json.writeStartObject();
                json.writeStringField("report_id", report.reportId());
                json.writeNumberField("version", 1);
                json.writeNumberField("ownership", 1);
                json.writeNumberField("intake_version", report.intakeVersion());
                json.writeObjectFieldStart("cause");
                json.writeStringField("kind", "report");
                json.writeStringField("event_id", cause);
                json.writeEndObject();
                json.writeStringField("decided_at", now);
                json.writeStringField("received_at", report.receivedAt());
                json.writeObjectFieldStart("decision");
                json.writeStringField("center_id", choice.center());
                if (choice.home() != null) {
                    json.writeStringField("home_center_id", choice.home());
                }
                json.writeStringField("reason", choice.reason());
                json.writeBooleanField("over_capacity", choice.overCapacity());
                json.writeBooleanField("copy_central", choice.copyCentral());
                json.writeBooleanField("right_of_return", choice.away());
                json.writeObjectFieldStart("compared");
                compared(json, choice, loads);
                json.writeEndObject();
                json.writeNumberField("rule_version", 2);
                json.writeStringField("table_version", tables.version());
                json.writeEndObject();
                json.writeFieldName("facts");
                json.writePOJO(report.facts());
                json.writeEndObject();
            } catch (IOException fault) {
                throw new UncheckedIOException(fault);
            }
            return out.toByteArray();
        }

        private static void compared(JsonGenerator json, Rule.Choice choice, Rule.Load[] loads) throws IOException {
            Map<String, Map<Rule.State, List<Rule.Load>>> grouped = new LinkedHashMap<>();
            for (int n = 0; n < loads.length; n++) {
                grouped.computeIfAbsent(choice.because()[n], key -> new LinkedHashMap<>())
                    .computeIfAbsent(loads[n].state(), key -> new ArrayList<>()).add(loads[n]);
            }
            for (var because : grouped.entrySet()) {
                json.writeObjectFieldStart(because.getKey());
                for (var state : because.getValue().entrySet()) {
                    json.writeObjectFieldStart(state.getKey().name());
                    for (Rule.Load load : state.getValue()) {
                        json.writeFieldName(load.center());
                        json.writeArray(new int[] {load.staff(), load.load(), load.capacity(), load.guests(),
                            load.severe(), load.severeCap()}, 0, 6);
                    }
                    json.writeEndObject();
                }
                json.writeEndObject();
            }
        }

        private static String cause(Headers headers) {
            return new String(headers.lastHeader("ce_id").value(), StandardCharsets.UTF_8);
        }

        private RecordHeaders headers(Record<String, byte[]> record, String now) {
            RecordHeaders made = new RecordHeaders();
            byte[] key = record.key().getBytes(StandardCharsets.UTF_8);
            made.add("ce_specversion", "1.0".getBytes(StandardCharsets.UTF_8));
            made.add("ce_id", id(record.key()).getBytes(StandardCharsets.UTF_8));
            made.add("ce_source", "/ieum/routing".getBytes(StandardCharsets.UTF_8));
            made.add("ce_type", TYPE.getBytes(StandardCharsets.UTF_8));
            made.add("ce_dataschema", tables.schema().getBytes(StandardCharsets.UTF_8));
            made.add("ce_time", now.getBytes(StandardCharsets.UTF_8));
            made.add("ce_subject", key);
            made.add("ce_partitionkey", key);
            made.add("ce_traceparent", record.headers().lastHeader("ce_traceparent").value());
            made.add("content-type", "application/json".getBytes(StandardCharsets.UTF_8));
            return made;
        }

        private String id(String report) {
            try {
                MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
                sha1.update(tables.ids());
                byte[] digest = sha1.digest(("routing|" + TYPE + "|" + report + "|1").getBytes(StandardCharsets.UTF_8));
                digest[6] = (byte) (digest[6] & 0x0f | 0x50);
                digest[8] = (byte) (digest[8] & 0x3f | 0x80);
                String hex = HexFormat.of().formatHex(digest, 0, 16);
                return hex.substring(0, 8) + "-" + hex.substring(8, 12) + "-" + hex.substring(12, 16) + "-"
                    + hex.substring(16, 20) + "-" + hex.substring(20);
            } catch (NoSuchAlgorithmException fault) {
                throw new IllegalStateException(fault);
            }
        }
    }

    private Router() {}

    public static void main(String[] given) throws IOException {
        String brokers = given[0], prefix = given[1], output = given[2], state = given[4], threads = given[5];
        Tables tables = Tables.read(new File(given[3]));
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, prefix + "kafka-streams");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, state);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, threads);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.String().getClass());
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArray().getClass());
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        // As routing's producer writes.
        settings.put(StreamsConfig.producerPrefix("acks"), "all");
        settings.put(StreamsConfig.producerPrefix("compression.type"), "snappy");
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        Topology topology = new Topology();
        topology.addSource("reports", prefix + "reports")
            .addProcessor("decide", () -> new Decide(tables), "reports")
            .addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(DECIDED), Serdes.String(),
                Serdes.ByteArray()).withCachingEnabled(), "decide")
            .addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(SUMS), Serdes.String(),
                Serdes.ByteArray()).withCachingEnabled(), "decide")
            .addSink("routings", output, "decide");
        KafkaStreams streams = new KafkaStreams(topology, settings);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(5))));
        streams.setUncaughtExceptionHandler(fault -> {
            fault.printStackTrace();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
    }
}
