package tidelog.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;

/** JSON Merge Patch (RFC 7396). */
final class MergePatch {
    static JsonNode apply(JsonNode target, JsonNode patch) {
        if (!patch.isObject()) {
            return patch;
        }
        ObjectNode result = target instanceof ObjectNode object ? object : JsonNodeFactory.instance.objectNode();
        for (Map.Entry<String, JsonNode> member : patch.properties()) {
            if (member.getValue().isNull()) {
                result.remove(member.getKey());
            } else if (member.getValue().isObject()) {
                JsonNode inner = result.get(member.getKey());
                JsonNode start = inner == null ? JsonNodeFactory.instance.objectNode() : inner;
                result.set(member.getKey(), apply(start, member.getValue()));
            } else {
                result.set(member.getKey(), member.getValue());
            }
        }
        return result;
    }

    private MergePatch() {}
}
