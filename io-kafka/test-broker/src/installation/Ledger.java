import java.io.File;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.FileRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordSerde;
import org.apache.kafka.coordinator.group.generated.GroupMetadataKey;
import org.apache.kafka.coordinator.group.generated.GroupMetadataValue;
import org.apache.kafka.coordinator.group.generated.OffsetCommitKey;
import org.apache.kafka.coordinator.group.generated.OffsetCommitValue;
import org.apache.kafka.coordinator.transaction.TransactionLog;

/**
 * What a broker has written down of groups and transactions, from the files of its own topics, in the order
 * in which it was written.
 *
 * One line each: "producer ID TRANSACTIONAL-ID" for all producers; then "assigned GROUP INSTANCE TOPIC
 * PARTITION" for each partition of each member whenever a group has shared out its partitions, "offset GROUP
 * TOPIC PARTITION NEXT ID EPOCH" for each position that a producer has sent in a transaction, and "end ID
 * EPOCH COMMIT" or "end ID EPOCH ABORT" where that transaction ended. Each of the two topics must have one
 * partition, so that there is one order.
 */
final class Ledger {
    private Ledger() {}

    static void write(Path data, Path file) throws Exception {
        try (PrintWriter lines = new PrintWriter(file.toFile())) {
            for (File segment : segments(data.resolve("__transaction_state-0"))) {
                producers(segment, lines);
            }
            for (File segment : segments(data.resolve("__consumer_offsets-0"))) {
                groups(segment, lines);
            }
        }
    }

    private static List<File> segments(Path folder) throws Exception {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(it -> it.toString().endsWith(".log")).sorted().map(Path::toFile).toList();
        }
    }

    private static void producers(File segment, PrintWriter lines) throws Exception {
        try (FileRecords records = FileRecords.open(segment, false)) {
            for (Record record : records.records()) {
                if (record.hasValue() && TransactionLog.read(record.key(), record.value())
                        instanceof TransactionLog.TxnRecord known) {
                    lines.println("producer " + known.metadata().producerId() + " " + known.transactionId());
                }
            }
        }
    }

    private static void groups(File segment, PrintWriter lines) throws Exception {
        GroupCoordinatorRecordSerde serde = new GroupCoordinatorRecordSerde();
        try (FileRecords records = FileRecords.open(segment, false)) {
            for (RecordBatch batch : records.batches()) {
                String producer = batch.producerId() + " " + batch.producerEpoch();
                for (Record record : batch) {
                    if (batch.isControlBatch()) {
                        lines.println("end " + producer + " " + ControlRecordType.parse(record.key()));
                    } else if (record.hasValue()) {
                        say(serde.deserialize(record.key(), record.value()), producer, lines);
                    }
                }
            }
        }
    }

    private static void say(CoordinatorRecord record, String producer, PrintWriter lines) {
        if (record.key() instanceof OffsetCommitKey key) {
            long next = ((OffsetCommitValue) record.value().message()).offset();
            lines.println("offset " + key.group() + " " + key.topic() + " " + key.partition() + " " + next + " "
                    + producer);
        } else if (record.key() instanceof GroupMetadataKey key) {
            for (var member : ((GroupMetadataValue) record.value().message()).members()) {
                if (member.groupInstanceId() == null || member.assignment().length == 0) {
                    continue;
                }
                ByteBuffer assigned = ByteBuffer.wrap(member.assignment());
                for (TopicPartition it : ConsumerProtocol.deserializeAssignment(assigned).partitions()) {
                    lines.println("assigned " + key.group() + " " + member.groupInstanceId() + " " + it.topic() + " "
                            + it.partition());
                }
            }
        }
    }
}
