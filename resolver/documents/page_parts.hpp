// The style and the script of the page, as texts. Pure.
#pragma once

#include <string_view>

namespace lictor::documents {

/// Content of the page's style element; static memory.
std::string_view page_style();
/// Content of the page's script element; static memory. `@PHASES@` in it stands for the list of the fail-over phases: [[word, sentence],
/// …].
std::string_view page_script();

}  // namespace lictor::documents
