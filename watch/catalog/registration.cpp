// Parses registrations and lists of key names.
#include "watch/catalog/registration.hpp"

#include <algorithm>
#include <utility>

#include "conf/values/leader_name.hpp"

namespace lictor::catalog {
namespace {

constexpr std::string_view default_namespace = "service/";
constexpr std::size_t depth_max = 3;  // folders in a namespace: `/a/b/c/`

bool has_role(const Instance& instance) {
    return std::any_of(instance.tags.begin(), instance.tags.end(), [](const std::string& tag) {
        return tag == "master" || tag == "primary" || tag == "replica" || tag == "standby-leader";
    });
}

/// A key that Patroni writes for every cluster.
bool is_patroni_key(std::string_view name) {
    return name == "leader" || name == "config" || name == "initialize" || name == "history" || name.substr(0, 8) == "members/";
}

std::string_view without_slash(std::string_view text) {
    while (!text.empty() && text.back() == '/') text.remove_suffix(1);
    return text;
}

}  // namespace

std::optional<Registration> patroni_registration(const ServiceEntry& service) {
    Registration found;
    for (const Instance& instance : service.instances) {
        const auto slash = instance.id.find('/');
        if (slash == std::string::npos || slash == 0 || slash + 1 == instance.id.size()) continue;
        if (instance.id.find('/', slash + 1) != std::string::npos || !has_role(instance)) continue;
        std::string scope = instance.id.substr(0, slash);
        if (conf::patroni_service_name(scope) != service.name) continue;
        if (!found.scope.empty() && found.scope != scope) return std::nullopt;
        found.scope = std::move(scope);
        found.members.insert(instance.id.substr(slash + 1));
    }
    if (found.scope.empty()) return std::nullopt;
    return found;
}

NamespaceSearch::NamespaceSearch(Registration registration) : registration_(std::move(registration)) {
    queue_.push_back({std::string(default_namespace) + registration_.scope + '/', false});
    queue_.push_back({"", true});
}

std::optional<NamespaceSearch::Request> NamespaceSearch::next() const {
    if (queue_.empty()) return std::nullopt;
    return queue_.front();
}

void NamespaceSearch::on_names(const std::vector<std::string>& names) {
    const Request request = queue_.front();
    queue_.pop_front();
    ++sent_;
    if (request.folders) take_folders(request.prefix, names);
    else take_scope(request.prefix, names);
}

void NamespaceSearch::on_failure() {
    queue_.pop_front();
    ++sent_;
    missed_ = true;
}

/// The keys below `<namespace>/<scope>/`.
void NamespaceSearch::take_scope(const std::string& prefix, const std::vector<std::string>& names) {
    Place place;
    bool is_there = false;
    for (const std::string& full : names) {
        if (full.size() <= prefix.size() || full.compare(0, prefix.size(), prefix) != 0) continue;
        const std::string name = full.substr(prefix.size());
        is_there = is_there || is_patroni_key(name);
        if (name.substr(0, 8) == "members/" && registration_.members.count(name.substr(8))) ++place.members;
    }
    if (!is_there) return;
    place.name_space = without_slash(std::string_view(prefix).substr(0, prefix.size() - registration_.scope.size() - 1));
    const bool usual = prefix.compare(0, default_namespace.size(), default_namespace) == 0 &&
                       prefix.size() == default_namespace.size() + registration_.scope.size() + 1;
    places_.push_back(std::move(place));
    // Members of this cluster in the default namespace: the search ends.
    if (usual && places_.back().members > 0) queue_.clear();
}

/// The entries of one folder; the scope may be one of them, or in a folder below.
void NamespaceSearch::take_folders(const std::string& prefix, const std::vector<std::string>& names) {
    const auto depth = static_cast<std::size_t>(std::count(prefix.begin(), prefix.end(), '/'));
    for (const std::string& name : names) {
        if (name.size() <= prefix.size() || name.back() != '/' || name.compare(0, prefix.size(), prefix) != 0) continue;
        if (name.compare(prefix.size(), std::string::npos, registration_.scope + '/') == 0) {
            if (name != std::string(default_namespace) + registration_.scope + '/') push({name, false}, At::front);
        } else if (depth < depth_max && std::string_view(name).substr(prefix.size()) != "members/") {
            push({name, true}, At::back);
        }
    }
}

void NamespaceSearch::push(Request request, At at) {
    if (sent_ + queue_.size() >= requests_max) {
        cut_ = true;
        if (at == At::back) return;
        if (!queue_.empty()) queue_.pop_back();
    }
    if (at == At::front) queue_.push_front(std::move(request));
    else queue_.push_back(std::move(request));
}

std::vector<const NamespaceSearch::Place*> NamespaceSearch::best() const {
    std::size_t most = 0;
    for (const Place& place : places_) most = std::max(most, place.members);
    std::vector<const Place*> found;
    for (const Place& place : places_)
        if (place.members == most) found.push_back(&place);
    return found;
}

std::optional<std::string> NamespaceSearch::found() const {
    const auto places = best();
    if (places.size() != 1) return std::nullopt;
    // The keys found may belong to another cluster of this name, and those of this cluster may be in a folder that was not read.
    if ((cut_ || missed_) && places.front()->members == 0) return std::nullopt;
    return places.front()->name_space;
}

bool NamespaceSearch::ambiguous() const { return best().size() > 1; }

}  // namespace lictor::catalog
