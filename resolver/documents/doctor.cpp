// Writes the findings of `lictor doctor`.
#include "resolver/documents/doctor.hpp"

#include "resolver/documents/json_writer.hpp"

namespace lictor::documents {

std::string doctor_json(const std::vector<doctor::Finding>& findings) {
    JsonWriter json;
    json.open_object();
    json.field("worst", doctor::word(doctor::worst(findings)));
    json.key("findings").open_list();
    for (const doctor::Finding& finding : findings) {
        json.open_object();
        json.field("check", finding.check);
        json.field("severity", doctor::word(finding.severity));
        json.field("text", finding.text);
        json.field("remedy", finding.remedy);
        json.close_object();
    }
    json.close_list();
    json.close_object();
    return json.take();
}

}  // namespace lictor::documents
