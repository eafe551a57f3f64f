// How a function says that the world was wrong: a value, or an error with a text a person can act on. Programming errors are not
// errors of this kind; they end in `ensure`.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace lictor {

/// What went wrong, in one sentence with the remedy where there is one.
struct Error {
    std::string text;
};

/// A value of T or an Error. `T` must not be Error.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
    Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

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

/// Ends the process when our own reasoning was wrong; never used on anything that comes from outside.
/// The place comes from builtins of both compilers: clang 14 has no std::source_location.
inline void ensure(bool condition, const char* what, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    if (condition) [[likely]]
        return;
    std::fprintf(stderr, "lictor: broken invariant: %s (%s:%u)\n", what, file, line);
    std::abort();
}

}  // namespace lictor
