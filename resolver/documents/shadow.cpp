// Writes /shadow: the differences between lictor's answers and another server's.
#include "conf/values/record_values.hpp"
#include "resolver/documents/documents.hpp"
#include "resolver/documents/json_writer.hpp"

namespace lictor::documents {

std::string shadow_json(const Status& status) {
    JsonWriter json;
    json.open_object().field("on", status.shadow != nullptr);
    if (status.shadow) {
        const shadow::ShadowReport& report = *status.shadow;
        json.field("with", report.with)
            .field("seen", report.seen)
            .field("passed_over", report.skipped)
            .field("compared", report.compared());
        json.key("kinds").open_object();
        for (std::size_t i = 0; i < shadow::shadow_kinds; ++i)
            json.field(shadow::word(static_cast<shadow::ShadowKind>(i)), report.kinds[i]);
        json.close_object().key("latest_differences").open_list();
        for (const auto& example : report.examples)
            json.open_object()
                .field("at", example.unix_seconds)
                .field("name", example.query.name.text())
                .field("type", conf::record_type_text(example.query.type))
                .field("kind", shadow::word(example.kind))
                .field("why", example.why)
                .close_object();
        json.close_list();
    }
    json.close_object();
    return json.take();
}

}  // namespace lictor::documents
