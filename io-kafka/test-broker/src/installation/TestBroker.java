import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.UnknownMemberIdException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A broker for one test process, and what librdkafka cannot ask of one.
 *
 * Started with an address and the arguments of kafka.Kafka it runs a broker at that address; with an
 * address alone it talks to the broker that is there. It says "ready" once the broker answers. Then it
 * carries out one command a line: "evict GROUP" answers "done" or "failed REASON", "settle NODES" waits
 * until all of so many nodes are in sync, "ledger DATA<tab>FILE" writes what a {@link Ledger} has of the
 * data folder, "allow USER PREFIX RIGHT,RIGHT" lets a user do some of what a node does, "warm" takes a broker through its first transaction, "stop" stops it in good order. When its
 * input ends, because whoever started it is no more, it removes the folder of the property tidelog.folder, and halts.
 */
public final class TestBroker {
    public static void main(String[] arguments) throws Exception {
        String address = arguments[0];
        if (arguments.length > 1) {
            String[] rest = List.of(arguments).subList(1, arguments.length).toArray(new String[0]);
            Thread broker = new Thread(() -> kafka.Kafka.main(rest), "broker");
            broker.setDaemon(true);
            broker.start();
        }
        Thread commands = new Thread(() -> serve(address), "commands");
        commands.start();
    }

    private static void serve(String address) {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Thread starts = new Thread(() -> announce(address), "starts");
        starts.start();
        try {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.equals("stop")) {
                    System.exit(0);
                }
                answer(address, line);
            }
        } catch (Exception error) {
            say("failed " + error);
        }
        removeFolder();
        Runtime.getRuntime().halt(0);
    }

    private static void removeFolder() {
        String folder = System.getProperty("tidelog.folder");
        if (folder == null) {
            return;
        }
        try (Stream<Path> all = Files.walk(Path.of(folder))) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException | UncheckedIOException error) {
            say("failed " + error);
        }
    }

    private static void announce(String address) {
        try (Admin admin = admin(address)) {
            admin.describeCluster().nodes().get();
            say("ready");
        } catch (Exception error) {
            say("failed " + error);
            Runtime.getRuntime().halt(1);
        }
    }

    private static void answer(String address, String line) {
        try {
            if (line.startsWith("evict ")) {
                evict(address, line.substring("evict ".length()));
            } else if (line.startsWith("settle ")) {
                settle(address, Integer.parseInt(line.substring("settle ".length())));
            } else if (line.startsWith("ledger ")) {
                String[] paths = line.substring("ledger ".length()).split("\t");
                Ledger.write(Path.of(paths[0]), Path.of(paths[1]));
            } else if (line.startsWith("allow ")) {
                String[] words = line.split(" ");
                allow(address, "User:" + words[1], words[2], List.of(words[3].split(",")));
            } else if (line.equals("warm")) {
                warm(address);
            } else {
                throw new IllegalArgumentException("unknown command " + line);
            }
            say("done");
        } catch (Exception error) {
            say("failed " + error);
        }
    }

    private static Admin evicting;

    /** Removes all members of a group, as if they had been silent for too long. */
    private static void evict(String address, String group) throws Exception {
        if (evicting == null) {
            evicting = admin(address);
        }
        try {
            evicting.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions()).all().get();
        } catch (ExecutionException error) {
            Throwable cause = error.getCause();
            boolean isEmpty = cause instanceof GroupIdNotFoundException || cause instanceof UnknownMemberIdException;
            if (!isEmpty) {
                throw error;
            }
        }
    }

    /** Waits until so many nodes are there and every copy of everything is in sync. */
    private static void settle(String address, int nodes) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        try (Admin admin = admin(address)) {
            while (!isSettled(admin, nodes)) {
                if (System.nanoTime() > deadline) {
                    throw new TimeoutException("not in sync after a minute");
                }
                Thread.sleep(100);
            }
        }
    }

    private static boolean isSettled(Admin admin, int nodes) throws Exception {
        try {
            if (admin.describeCluster().nodes().get().size() < nodes) {
                return false;
            }
            var names = admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get();
            var topics = admin.describeTopics(names).allTopicNames().get().values();
            return topics.stream()
                    .flatMap(topic -> topic.partitions().stream())
                    .allMatch(it -> it.leader() != null && it.isr().size() == it.replicas().size());
        } catch (ExecutionException error) {
            // A node that has just died, or a topic that is just being deleted.
            return false;
        }
    }

    /** Lets a user do some of what a node does, as deploy/redpanda/security/acls.sh has it, and no more. */
    private static void allow(String address, String user, String prefix, List<String> rights) throws Exception {
        List<AclBinding> bindings = new ArrayList<>();
        for (String right : rights) {
            ResourceType type = switch (right) {
                case "see-topics", "use-topics", "see-configurations" -> ResourceType.TOPIC;
                case "groups" -> ResourceType.GROUP;
                case "transactional-ids" -> ResourceType.TRANSACTIONAL_ID;
                default -> throw new IllegalArgumentException("unknown right " + right);
            };
            List<AclOperation> operations = switch (right) {
                case "see-topics" -> List.of(AclOperation.DESCRIBE);
                case "use-topics" -> List.of(AclOperation.READ, AclOperation.WRITE);
                case "see-configurations" -> List.of(AclOperation.DESCRIBE_CONFIGS);
                case "groups" -> List.of(AclOperation.READ, AclOperation.DESCRIBE);
                default -> List.of(AclOperation.WRITE, AclOperation.DESCRIBE);
            };
            ResourcePattern resource = new ResourcePattern(type, prefix, PatternType.PREFIXED);
            operations.forEach(it -> bindings.add(binding(resource, user, it)));
        }
        ResourcePattern cluster = new ResourcePattern(ResourceType.CLUSTER, "kafka-cluster", PatternType.LITERAL);
        bindings.add(binding(cluster, user, AclOperation.IDEMPOTENT_WRITE));
        try (Admin admin = admin(address)) {
            admin.createAcls(bindings).all().get();
            AclBindingFilter all = AclBindingFilter.ANY;
            while (!admin.describeAcls(all).values().get().containsAll(bindings)) {
                Thread.sleep(20);
            }
        }
    }

    private static AclBinding binding(ResourcePattern resource, String user, AclOperation operation) {
        return new AclBinding(resource, new AccessControlEntry(user, "*", operation, AclPermissionType.ALLOW));
    }

    /** Has a broker make its internal topics: one transaction with the offset of a group. */
    private static void warm(String address) throws Exception {
        Map<String, Object> common = Map.of("bootstrap.servers", address);
        Properties producing = new Properties();
        producing.putAll(common);
        producing.put("transactional.id", "warm");
        Properties consuming = new Properties();
        consuming.putAll(common);
        consuming.put("group.id", "warm");
        consuming.put("group.protocol", "classic");
        try (Admin admin = admin(address)) {
            admin.createTopics(List.of(new NewTopic("warm", Optional.of(1), Optional.empty()))).all().get();
            StringSerializer writes = new StringSerializer();
            StringDeserializer reads = new StringDeserializer();
            try (KafkaProducer<String, String> producer = new KafkaProducer<>(producing, writes, writes);
                    KafkaConsumer<String, String> consumer = new KafkaConsumer<>(consuming, reads, reads)) {
                consumer.subscribe(List.of("warm"));
                while (consumer.assignment().isEmpty()) {
                    consumer.poll(Duration.ofMillis(100));
                }
                producer.initTransactions();
                producer.beginTransaction();
                producer.send(new ProducerRecord<>("warm", "key", "value"));
                Map<TopicPartition, OffsetAndMetadata> offsets =
                        Map.of(new TopicPartition("warm", 0), new OffsetAndMetadata(0));
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                producer.commitTransaction();
            }
            admin.deleteTopics(List.of("warm")).all().get();
            admin.deleteConsumerGroups(List.of("warm")).all().get();
        }
    }

    private static Admin admin(String address) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", address);
        properties.put("reconnect.backoff.ms", "20");
        properties.put("reconnect.backoff.max.ms", "100");
        return Admin.create(properties);
    }

    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
