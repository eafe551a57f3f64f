// libidn2 converts names with non-ASCII letters only; ASCII names are not changed.
#include "conf/values/ascii_name.hpp"

#include <idn2.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "conf/base/printable.hpp"

namespace lictor::conf {
namespace {

// Longer than any UTF-8 name whose converted form fits into 255 bytes.
constexpr std::size_t text_bytes_max = 1024;

struct Freed {
    void operator()(char* text) const { idn2_free(text); }
};

}  // namespace

Result<std::string> ascii_name(std::string_view text) {
    if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return std::string(text);
    const auto refused = [&](std::string_view why) {
        return Error{"name '" + printable(text, 100) + "' has no xn-- form: " + std::string(why)};
    };
    if (text.size() > text_bytes_max) return refused("too long");
    if (text.find('\0') != std::string_view::npos) return refused("it contains a zero byte");
    char* made = nullptr;
    const int code = idn2_to_ascii_8z(std::string(text).c_str(), &made, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    const std::unique_ptr<char, Freed> owned(made);
    if (code == IDN2_ENCODING_ERROR) return refused("it is not UTF-8");
    if (code != IDN2_OK || !made) return refused(idn2_strerror(code));
    return std::string(made);
}

}  // namespace lictor::conf
