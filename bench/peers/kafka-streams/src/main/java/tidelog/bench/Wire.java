package tidelog.bench;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Records as Tidelog has them (format version 1, then postcard): the parts that this job needs. {@code
 * bench/kafka/src/wire.rs} is the same in Rust, and says what each field is.
 */
final class Wire {
    private static final byte FORMAT_VERSION = 1;
    private static final int PATCH = 1;
    private static final int UPDATE = 2;
    private static final int ANSWER = 3;
    private static final int MERGE = 4;
    private static final int PATCHES_TOPIC = 1;

    /** A patch: what of it is looked at, and its request's name and id as they stand in it. */
    record Patch(byte[] client, ByteBuffer name, ByteBuffer id, ByteBuffer part, String entity,
            byte[] document, boolean wantsValue, byte remember) {
        static Patch read(byte[] payload) {
            Reader reader = new Reader(payload);
            reader.expect(FORMAT_VERSION);
            reader.expect(PATCH);
            int nameFrom = reader.at;
            byte[] client = reader.bytes();
            reader.number(); // The client's incarnation.
            reader.number(); // The request's number.
            ByteBuffer name = reader.since(nameFrom);
            reader.number(); // The first incomplete number.
            int sentFrom = reader.at;
            reader.number(); // The time of the first sending.
            ByteBuffer sent = reader.since(sentFrom);
            ByteBuffer id = ByteBuffer.allocate(name.remaining() + sent.remaining());
            id.put(name.duplicate()).put(sent).flip();
            reader.expect(0); // No user.
            reader.expect(0); // No device.
            int partFrom = reader.at;
            reader.number();
            reader.number();
            ByteBuffer part = reader.since(partFrom);
            reader.expect(0); // No idempotency key.
            String entity = new String(reader.bytes(), StandardCharsets.UTF_8);
            reader.expect(MERGE);
            byte[] document = reader.bytes();
            reader.expect(0); // No condition,
            reader.expect(0); // of either kind.
            boolean wantsValue = reader.number() == 1;
            return new Patch(client, name, id, part, entity, document, wantsValue, (byte) reader.number());
        }
    }

    /** An entity's row: how often it was changed, and its document. */
    record Row(long revision, byte[] document) {
        static Row read(byte[] row) {
            if (row == null) {
                return new Row(0, null);
            }
            Reader reader = new Reader(row);
            reader.expect(FORMAT_VERSION);
            long revision = reader.number();
            reader.expect(1);
            return new Row(revision, reader.bytes());
        }
    }

    static byte[] row(long revision, byte[] document) {
        return new Writer(document.length + 16).one(FORMAT_VERSION).number(revision).some(document).done();
    }

    static byte[] update(Patch patch, long revision, byte[] before, byte[] after, long time) {
        int size = after.length + (before == null ? 0 : before.length) + 128;
        return new Writer(size).one(FORMAT_VERSION).one(UPDATE)
                .bytes(patch.entity().getBytes(StandardCharsets.UTF_8))
                .one(before == null ? 0 : 1)
                .number(revision)
                .some(before)
                .some(after)
                .raw(patch.name())
                .raw(patch.part())
                .one(0) // No user.
                .one(0) // No device.
                .number(time)
                .done();
    }

    static byte[] answer(Patch patch, long revision, byte[] after, int partition, long offset, long time) {
        return new Writer(after.length + 128).one(FORMAT_VERSION).one(ANSWER)
                .raw(patch.id())
                .raw(patch.part())
                .bytes(patch.entity().getBytes(StandardCharsets.UTF_8))
                .one(revision == 1 ? 1 : 2)
                .number(revision)
                .some(patch.wantsValue() ? after : null)
                .one(0) // Not replayed.
                .one(PATCHES_TOPIC)
                .number(partition)
                .number(offset)
                .number(time)
                .one(patch.remember())
                .done();
    }

    private static final class Reader {
        private final byte[] from;
        private int at;

        Reader(byte[] from) {
            this.from = from;
        }

        long number() {
            long number = 0;
            for (int shift = 0; ; shift += 7) {
                byte next = from[at++];
                number |= (long) (next & 0x7f) << shift;
                if (next >= 0) {
                    return number;
                }
            }
        }

        byte[] bytes() {
            int length = (int) number();
            at += length;
            return Arrays.copyOfRange(from, at - length, at);
        }

        ByteBuffer since(int start) {
            return ByteBuffer.wrap(from, start, at - start);
        }

        void expect(int wanted) {
            long found = number();
            if (found != wanted) {
                throw new IllegalArgumentException("byte " + at + " is " + found + " and not " + wanted);
            }
        }
    }

    private static final class Writer {
        private byte[] to;
        private int at;

        Writer(int capacity) {
            to = new byte[capacity];
        }

        Writer one(int value) {
            reserve(1);
            to[at++] = (byte) value;
            return this;
        }

        Writer number(long value) {
            reserve(10);
            long rest = value;
            while ((rest & ~0x7fL) != 0) {
                to[at++] = (byte) (rest | 0x80);
                rest >>>= 7;
            }
            to[at++] = (byte) rest;
            return this;
        }

        Writer bytes(byte[] value) {
            number(value.length);
            reserve(value.length);
            System.arraycopy(value, 0, to, at, value.length);
            at += value.length;
            return this;
        }

        Writer some(byte[] value) {
            return value == null ? one(0) : one(1).bytes(value);
        }

        Writer raw(ByteBuffer value) {
            int length = value.remaining();
            reserve(length);
            value.duplicate().get(to, at, length);
            at += length;
            return this;
        }

        byte[] done() {
            return at == to.length ? to : Arrays.copyOf(to, at);
        }

        private void reserve(int more) {
            if (at + more > to.length) {
                to = Arrays.copyOf(to, Math.max(to.length * 2, at + more));
            }
        }
    }

    private Wire() {}
}
