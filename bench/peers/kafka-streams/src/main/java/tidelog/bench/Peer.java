package tidelog.bench;

import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The job of entity-storage as a Kafka Streams application: exactly once, documents in RocksDB with a
 * changelog. It runs until it is told to stop; {@code kafka-bench measure} has the clock.
 *
 * <p>{@code peer --brokers HOST:PORT --prefix P --commit-ms N --state FOLDER [--threads N] [--caching
 * true] [--set KEY=VALUE]...}
 */
public final class Peer {
    /** The settings of the other contestants' changelogs. */
    private static final Map<String, String> CHANGELOG =
            Map.of("segment.bytes", "1073741824", "min.cleanable.dirty.ratio", "0.2");

    public static void main(String[] arguments) throws InterruptedException {
        Map<String, String> flags = new HashMap<>();
        Properties settings = new Properties();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            if (arguments[i].equals("--set")) {
                String[] setting = arguments[i + 1].split("=", 2);
                settings.put(setting[0], setting[1]);
            } else {
                flags.put(arguments[i], arguments[i + 1]);
            }
        }
        String prefix = flags.get("--prefix");
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, prefix + "entity-storage");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, flags.get("--brokers"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, flags.get("--state"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, flags.get("--commit-ms"));
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, flags.getOrDefault("--threads", "1"));
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, "1");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");

        boolean caching = Boolean.parseBoolean(flags.getOrDefault("--caching", "false"));
        KafkaStreams streams = new KafkaStreams(topology(prefix, caching), settings);
        CountDownLatch stopped = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(failure -> {
            failure.printStackTrace();
            Runtime.getRuntime().halt(1);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close();
            stopped.countDown();
        }));
        streams.start();
        stopped.await();
    }

    private static Topology topology(String prefix, boolean caching) {
        StoreBuilder<KeyValueStore<String, byte[]>> rows = Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(PatchProcessor.STORE), Serdes.String(), Serdes.ByteArray())
                .withLoggingEnabled(CHANGELOG);
        if (caching) {
            rows = rows.withCachingEnabled();
        }
        ByteArraySerializer bytes = new ByteArraySerializer();
        return new Topology()
                .addSource("patches", new ByteArrayDeserializer(), new ByteArrayDeserializer(),
                        prefix + "entity-patches")
                .addProcessor("storage", PatchProcessor::new, "patches")
                .addStateStore(rows, "storage")
                .addSink(PatchProcessor.UPDATES, prefix + "entity-updates", bytes, bytes, "storage")
                .addSink(PatchProcessor.ANSWERS, prefix + "partial-responses", bytes, bytes, "storage");
    }

    private Peer() {}
}
