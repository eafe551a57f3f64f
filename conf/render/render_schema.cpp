// Renders conf/stats.schema.json. The members for counters are generated from the metric rows; all others are written by hand in the file.
#include <string>
#include <string_view>
#include <vector>

#include "conf/metrics/metrics_rows.hpp"
#include "conf/render/render.hpp"

namespace lictor::conf {
namespace {

constexpr std::size_t line_width = 140;

/// `"required": […],` wrapped to lines that begin with `lead`.
std::string required(const std::vector<std::string_view>& keys, const std::string& lead) {
    std::string out = lead + "\"required\": [\n", line = lead + " ";
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto word = " \"" + std::string(keys[i]) + (i + 1 < keys.size() ? "\"," : "\"");
        if (line.size() + word.size() > line_width) {
            out += line + '\n';
            line = lead + " ";
        }
        line += word;
    }
    return out + line + '\n' + lead + "],\n";
}

/// The members `additionalProperties`, `required` and `properties` of an object with these rows; each line begins with `lead`.
template <class Counters>
std::string members(std::span<const metrics::MetricRow<Counters>> rows, const std::string& lead) {
    std::vector<std::string_view> keys;
    std::string properties;
    for (std::size_t i = 0; i < rows.size();) {
        const auto& first = rows[i];
        std::vector<std::string_view> labels;
        for (; i < rows.size() && rows[i].name == first.name; ++i)
            if (!rows[i].label.empty()) labels.push_back(metrics::value_of_label(rows[i].label));
        keys.push_back(metrics::key_of_metric(first.name));
        const std::string inner = lead + "    ", help = "\"description\": \"" + std::string(first.help) + '"';
        properties += (properties.empty() ? "" : ",\n") + lead + "  \"" + std::string(keys.back()) + "\": {";
        if (labels.empty()) {
            properties += "\"type\": \"integer\", \"minimum\": 0, " + help + '}';
            continue;
        }
        properties += '\n' + inner + "\"type\": \"object\",\n" + inner + help + ",\n" + inner + "\"additionalProperties\": false,\n";
        properties += required(labels, inner) + inner + "\"properties\": {";
        for (std::size_t at = 0; at < labels.size(); ++at)
            properties += (at ? ",\n" : "\n") + inner + "  \"" + std::string(labels[at]) + "\": {\"$ref\": \"#/$defs/count\"}";
        properties += '\n' + inner + "}\n" + lead + "  }";
    }
    return lead + "\"additionalProperties\": false,\n" + required(keys, lead) + lead + "\"properties\": {\n" + properties + '\n' + lead +
           "}\n";
}

/// Replaces the three members in the object `name`, which is indented by four blanks and begins with its type and description.
void replace_members(std::string& text, std::string_view name, const std::string& fresh) {
    const auto object = text.find("\n    \"" + std::string(name) + "\": {\n      \"type\": \"object\",");
    if (object == std::string::npos) return;
    const auto begin = text.find("\n      \"additionalProperties\"", object) + 1, end = text.find("\n    }", begin) + 1;
    text.replace(begin, end - begin, fresh);
}

}  // namespace

std::string render_schema(std::string committed) {
    replace_members(committed, "control", members(metrics::control_metric_rows(), "      "));
    replace_members(committed, "worker_counters", members(metrics::worker_metric_rows(), "      "));
    return committed;
}

}  // namespace lictor::conf
