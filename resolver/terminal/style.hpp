// Colours of text for a terminal (ECMA-48), or none. Pure: the caller knows whether its output is a terminal that takes colours.
#pragma once

#include <string>

namespace lictor::terminal {

/// Marks text by its meaning. Without colours the text is returned unchanged.
struct Style {
    bool colours = false;

    std::string good(const std::string& text) const { return wrapped("32", text); }
    std::string doubtful(const std::string& text) const { return wrapped("33", text); }
    std::string bad(const std::string& text) const { return wrapped("31;1", text); }
    std::string strong(const std::string& text) const { return wrapped("1", text); }
    std::string soft(const std::string& text) const { return wrapped("2", text); }

private:
    std::string wrapped(const char* code, const std::string& text) const {
        return colours && !text.empty() ? std::string("\x1b[") + code + 'm' + text + "\x1b[0m" : text;
    }
};

}  // namespace lictor::terminal
