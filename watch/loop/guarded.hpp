// A value that threads share, with its mutex. The value is accessible only while the mutex is locked; other access does not compile.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

namespace lictor::loop {

/// Thread-safe: any thread may call any function.
template <class T>
class Guarded {
public:
    /// Holds the mutex locked and gives access to the value, until the end of its scope.
    template <class Value>
    class Locked {
    public:
        Value* operator->() const { return &value_; }
        /// Cannot be called on a temporary, because the reference would outlive the lock.
        Value& operator*() & { return value_; }
        /// Releases the lock until `changed` is notified and `ready(value)` is true.
        template <class Ready>
        void wait(std::condition_variable& changed, Ready ready) {
            changed.wait(lock_, [&] { return ready(std::as_const(value_)); });
        }

        /// The same for at most `longest`. Gives `ready(value)`.
        template <class Duration, class Ready>
        bool wait_for(std::condition_variable& changed, Duration longest, Ready ready) {
            return changed.wait_for(lock_, longest, [&] { return ready(std::as_const(value_)); });
        }

    private:
        friend Guarded;
        Locked(std::mutex& mutex, Value& value) : lock_(mutex), value_(value) {}
        std::unique_lock<std::mutex> lock_;
        Value& value_;
    };

    [[nodiscard]] Locked<T> lock() { return {mutex_, value_}; }
    [[nodiscard]] Locked<const T> lock() const { return {mutex_, value_}; }
    /// A copy.
    T get() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }
    /// Replaces the value. The old value is destroyed after the lock is released.
    void set(T value) {
        const std::lock_guard lock(mutex_);
        std::swap(value_, value);
    }
    /// Moves the value out and leaves a default-constructed one.
    T take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(value_, T{});
    }

private:
    mutable std::mutex mutex_;
    T value_{};
};

}  // namespace lictor::loop
