// How does a function report a failure from outside (input, file system, network, kernel)? It returns a value or an Error, whose text tells
// an operator what to do. Programming errors are not an Error: they end the process in `ensure`.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace lictor {

/// One sentence: what is wrong, and the remedy if there is one.
struct Error {
    std::string text;
};

/// A value of T or an Error. `T` must not be Error.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
    Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

    /// True: a value; false: an Error.
    explicit operator bool() const noexcept { return held_.index() == 0; }
    /// Requires `*this` to be true.
    T& operator*() & { return std::get<0>(held_); }
    const T& operator*() const& { return std::get<0>(held_); }
    T&& operator*() && { return std::get<0>(std::move(held_)); }
    T* operator->() { return &std::get<0>(held_); }
    const T* operator->() const { return &std::get<0>(held_); }
    /// Requires `*this` to be false.
    const Error& error() const { return std::get<1>(held_); }

private:
    std::variant<T, Error> held_;
};

/// Aborts the process if `condition` is false. For invariants only, never for input from outside.
/// Compiler builtins give file and line, because clang 14 has no std::source_location.
inline void ensure(bool condition, const char* what, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    if (condition) [[likely]]
        return;
    std::fprintf(stderr, "lictor: broken invariant: %s (%s:%u)\n", what, file, line);
    std::abort();
}

}  // namespace lictor
