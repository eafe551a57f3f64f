// Reading registrations and folders of keys.
#include "watch/registration.hpp"

#include <algorithm>
#include <utility>

#include "conf/leader_name.hpp"

namespace lictor {
namespace {

constexpr std::string_view default_namespace = "service/";
constexpr std::size_t depth_max = 3;  // folders in a namespace: `/a/b/c/`

bool has_role(const Instance& instance) {
    return std::any_of(instance.tags.begin(), instance.tags.end(), [](const std::string& tag) {
        return tag == "master" || tag == "primary" || tag == "replica" || tag == "standby-leader";
    });
}

/// What Patroni writes for every cluster, whoever leads it.
bool is_patronis(std::string_view name) {
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
        if (patroni_service_name(scope) != service.name) continue;
        if (!found.scope.empty() && found.scope != scope) return std::nullopt;
        found.scope = std::move(scope);
        found.members.insert(instance.id.substr(slash + 1));
    }
    if (found.scope.empty()) return std::nullopt;
    return found;
}

NamespaceSearch::NamespaceSearch(Registration wanted) : wanted_(std::move(wanted)) {
    queue_.push_back({std::string(default_namespace) + wanted_.scope + '/', false});
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
        is_there = is_there || is_patronis(name);
        if (name.substr(0, 8) == "members/" && wanted_.members.count(name.substr(8))) ++place.members;
    }
    if (!is_there) return;
    place.name_space = without_slash(std::string_view(prefix).substr(0, prefix.size() - wanted_.scope.size() - 1));
    const bool usual = prefix.compare(0, default_namespace.size(), default_namespace) == 0 &&
                       prefix.size() == default_namespace.size() + wanted_.scope.size() + 1;
    places_.push_back(std::move(place));
    // Members of this very cluster at the usual place: nobody need look further.
    if (usual && places_.back().members > 0) queue_.clear();
}

/// The entries of one folder; the scope may be one of them, or further down.
void NamespaceSearch::take_folders(const std::string& prefix, const std::vector<std::string>& names) {
    const auto depth = static_cast<std::size_t>(std::count(prefix.begin(), prefix.end(), '/'));
    for (const std::string& name : names) {
        if (name.size() <= prefix.size() || name.back() != '/' || name.compare(0, prefix.size(), prefix) != 0) continue;
        if (name.compare(prefix.size(), std::string::npos, wanted_.scope + '/') == 0) {
            if (name != std::string(default_namespace) + wanted_.scope + '/') push({name, false}, true);
        } else if (depth < depth_max && std::string_view(name).substr(prefix.size()) != "members/") {
            push({name, true}, false);
        }
    }
}

void NamespaceSearch::push(Request request, bool front) {
    if (sent_ + queue_.size() >= requests_max) {
        cut_ = true;
        if (!front) return;
        if (!queue_.empty()) queue_.pop_back();
    }
    if (front) queue_.push_front(std::move(request));
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
    // A cluster of the same name, with this one's keys where nobody could look.
    if ((cut_ || missed_) && places.front()->members == 0) return std::nullopt;
    return places.front()->name_space;
}

bool NamespaceSearch::ambiguous() const { return best().size() > 1; }

}  // namespace lictor
