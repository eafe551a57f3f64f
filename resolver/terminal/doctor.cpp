// Renders the findings of `lictor doctor`: a line for each, and the remedy below it.
#include "resolver/terminal/format.hpp"
#include "resolver/terminal/render.hpp"

namespace lictor::terminal {

std::string doctor_text(const std::string& json, const Style& style) {
    const Json document = parse(json);
    if (!document.is_object()) return "";
    std::string text, before;
    const auto& findings = member(document, "findings");
    if (!findings.is_array()) return "";
    for (const auto& finding : findings) {
        const auto severity = words(member(finding, "severity"));
        const std::string mark = severity == "ok"        ? style.good("ok     ")
                                 : severity == "hint"    ? style.soft("hint   ")
                                 : severity == "warning" ? style.doubtful("warning")
                                                         : style.bad("ERROR  ");
        std::string check = words(member(finding, "check"));
        check.resize(std::max<std::size_t>(check.size(), 11), ' ');
        text += mark + "  " + check + "  " + words(member(finding, "text")) + '\n';
        if (const auto remedy = words(member(finding, "remedy")); remedy != "-")
            text += std::string(22, ' ') + style.strong("-> ") + remedy + '\n';
    }
    return text;
}

}  // namespace lictor::terminal
