package tidelog.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;

/** Applies each patch to its entity's document, answers it, and publishes the document before and after. */
final class PatchProcessor implements Processor<byte[], byte[], byte[], byte[]> {
    static final String STORE = "entities";
    static final String UPDATES = "updates";
    static final String ANSWERS = "answers";

    private final ObjectMapper json = new ObjectMapper();
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<String, byte[]> rows;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        this.rows = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        try {
            apply(record);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private void apply(Record<byte[], byte[]> record) throws IOException {
        Wire.Patch patch = Wire.Patch.read(record.value());
        Wire.Row before = Wire.Row.read(rows.get(patch.entity()));
        JsonNode document = before.document() == null ? json.createObjectNode() : json.readTree(before.document());
        byte[] after = json.writeValueAsBytes(MergePatch.apply(document, json.readTree(patch.document())));
        long revision = before.revision() + 1;

        rows.put(patch.entity(), Wire.row(revision, after));
        long time = record.timestamp();
        byte[] update = Wire.update(patch, revision, before.document(), after, time);
        context.forward(new Record<>(record.key(), update, time), UPDATES);
        RecordMetadata source = context.recordMetadata().orElseThrow();
        byte[] answer = Wire.answer(patch, revision, after, source.partition(), source.offset(), time);
        context.forward(new Record<>(patch.client(), answer, time), ANSWERS);
    }
}
