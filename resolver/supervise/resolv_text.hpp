// What is written into resolv.conf while lictor is the nameserver, and how is the container engine's text found again? Pure. The texts are
// those of earlier versions of the entrypoint, so that a container that one of them left is restored as well.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lictor::supervise {

/// The text of resolv.conf that names `nameserver` alone, because a second one would be asked while lictor holds a query. The lines
/// `search`, `domain` and `options` of `engine` stay. All lines of `engine` follow as comments, so that they are found even if the process
/// was killed and the copy is gone.
std::string taken_text(std::string_view engine, std::string_view nameserver);

/// True if `text` was written by `taken_text`.
bool is_taken(std::string_view text);

/// The container engine's text. `found`: what resolv.conf holds; `copy`: the copy of an earlier run, if there is one. Of a taken text the
/// lines in its comments; of a text without a nameserver (truncated during a write) the copy, unless that is empty; else `found`.
std::string engine_text(std::string_view found, const std::optional<std::string>& copy);

/// True if `text` has a `nameserver` line.
bool has_nameserver(std::string_view text);

/// True if `nameserver` is the only one that `text` names. Such a text needs no change.
bool names_only(std::string_view text, std::string_view nameserver);

}  // namespace lictor::supervise
