package ieum;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Prints who owns each report: the first record of its highest version in the topic `routings`.
 *
 * <p>Reads the topic once, from its beginning to the end it has now, without a consumer group. Prints one JSON line per
 * report, sorted, and what was passed over as one JSON line on standard error.
 */
public final class Owners {
    /** Types whose `decision` names the owner. */
    private static final Set<String> MOVES = Set.of("report.routed.v1", "report.rerouted.v1");
    /** Types that name the owner themselves. */
    private static final Set<String> STAYS = Set.of("report.updated.v1", "report.ended.v1");
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    private record Owner(String report_id, String center_id, long ownership, long version) {}

    private final Map<String, Owner> found = new TreeMap<>();
    private final Set<String> ids = new HashSet<>();
    private final Map<String, Integer> counts = new LinkedHashMap<>();

    private Owners() {
        for (var name : List.of("records", "duplicates", "superseded", "unknown_types", "garbage", "gaps")) {
            counts.put(name, 0);
        }
    }

    private void count(String name) {
        counts.merge(name, 1, Integer::sum);
    }

    /** Counts one record in; records of a partition come in its order. */
    private void take(ConsumerRecord<byte[], byte[]> record) {
        count("records");
        var headers = new HashMap<String, String>();
        for (Header header : record.headers()) { // the first header of a name counts
            if (header.value() != null) {
                headers.putIfAbsent(header.key().toLowerCase(Locale.ROOT), text(header.value()));
            }
        }
        String type = headers.getOrDefault("ce_type", ""), id = headers.getOrDefault("ce_id", "");
        if (!"1.0".equals(headers.get("ce_specversion")) || !"/ieum/routing".equals(headers.get("ce_source"))
                || type.isEmpty() || id.isEmpty()) {
            count("garbage");
            return;
        }
        if (!MOVES.contains(type) && !STAYS.contains(type)) {
            count("unknown_types"); // a newer writer: its reports may be ahead of what is known here
            return;
        }
        Owner owner = content(type, record);
        if (owner == null) {
            count("garbage");
            return;
        }
        Owner before = found.get(owner.report_id());
        long known = before == null ? 0 : before.version();
        if (ids.contains(id)) {
            count("duplicates");
        } else if (owner.version() <= known) {
            count("superseded"); // written late by a worker that no longer had the partition: never counts
        } else {
            if (owner.version() > known + 1) {
                count("gaps");
            }
            found.put(owner.report_id(), owner);
        }
        ids.add(id);
    }

    /** What a record says, or null where it is garbage. Fields and words that are not known here are no error. */
    private static Owner content(String type, ConsumerRecord<byte[], byte[]> record) {
        if (record.key() == null || record.value() == null) {
            return null;
        }
        JsonNode body;
        try {
            body = JSON.readTree(record.value());
        } catch (IOException e) {
            return null;
        }
        String report = body.path("report_id").asText(), key = text(record.key());
        JsonNode center = (MOVES.contains(type) ? body.path("decision") : body).path("center_id");
        boolean good = body.path("report_id").isTextual() && report.equals(key)
                && center.isTextual() && center.asText().matches("[a-z][a-z-]{1,30}");
        long ownership = number(body.path("ownership")), version = number(body.path("version"));
        return good && ownership > 0 && version > 0 ? new Owner(report, center.asText(), ownership, version) : null;
    }

    /** A version, a whole number from 1; 0 where it is none. */
    private static long number(JsonNode node) {
        return node.isIntegralNumber() && node.canConvertToLong() ? Math.max(0, node.asLong()) : 0;
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    public static void main(String[] arguments) throws IOException {
        String topic = Connection.given("TOPIC_PREFIX", "") + "routings";
        var owners = new Owners();
        try (var consumer = new KafkaConsumer<>(Connection.options(), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            var places = consumer.partitionsFor(topic).stream()
                    .map(one -> new TopicPartition(topic, one.partition())).toList();
            var ends = consumer.endOffsets(places);
            consumer.assign(places);
            consumer.seekToBeginning(places);
            long heard = System.nanoTime();
            while (places.stream().anyMatch(place -> consumer.position(place) < ends.get(place))) {
                if (System.nanoTime() - heard > TimeUnit.SECONDS.toNanos(Connection.PATIENCE_S)) {
                    throw new TimeoutException("no record for " + Connection.PATIENCE_S + " s");
                }
                for (var record : consumer.poll(Duration.ofMillis(500))) {
                    heard = System.nanoTime();
                    if (record.offset() < ends.get(new TopicPartition(topic, record.partition()))) {
                        owners.take(record);
                    }
                }
            }
        }
        var out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (var owner : owners.found.values()) {
            out.println(JSON.writeValueAsString(owner));
        }
        out.flush();
        System.err.println(JSON.writeValueAsString(owners.counts));
    }
}
