// GET /shadow: what the comparison with another server has found.
#include "conf/record_values.hpp"
#include "resolver/json_writer.hpp"
#include "resolver/stats_json.hpp"

namespace lictor {

std::string shadow_json(const Status& status) {
    JsonWriter json;
    json.open_object().field("on", status.shadow != nullptr);
    if (status.shadow) {
        const ShadowReport& report = *status.shadow;
        json.field("with", report.with).field("seen", report.seen).field("passed_over", report.passed_over).field("compared", report.compared());
        json.key("kinds").open_object();
        for (std::size_t i = 0; i < shadow_kinds; ++i) json.field(word(static_cast<ShadowKind>(i)), report.kinds[i]);
        json.close_object().key("latest_differences").open_list();
        for (const auto& example : report.examples)
            json.open_object()
                .field("at", example.unix_seconds)
                .field("name", example.question.name.text())
                .field("type", record_type_text(example.question.type))
                .field("kind", word(example.kind))
                .field("why", example.why)
                .close_object();
        json.close_list();
    }
    json.close_object();
    return json.take();
}

}  // namespace lictor
