package router;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The assignment rule of services/routing/assignment/rules.py, written again as a Java programmer would. */
final class Rule {
    enum State { open, short_staffed, unstaffed, closed }

    record Severity(int weight, boolean severe, boolean critical, boolean child) {}

    record Load(String center, State state, int staff, int load, int capacity, int guests, int severe, int severeCap) {}

    record Limits(int loadPercent, int guestsPercent, boolean unstaffedToo) {}

    record Step(Limits limits, String reason, boolean clearlyBetter) {}

    record Origin(String home, String reason, List<List<String>> rings) {}

    record Choice(String center, String home, String reason, boolean overCapacity, boolean copyCentral, boolean away,
                  String[] because) {}

    private static final long PER_PERCENT = 10_000, NO_CAPACITY = 1_000_000L * PER_PERCENT;
    private static final int THRESHOLD = 90, MARGIN = 20, OVERLOAD = 100, NEIGHBOUR_RINGS = 2;
    private static final Limits NORMAL = new Limits(80, 50, false), WAITING = new Limits(80, 50, true),
        RESERVE = new Limits(95, 75, false);
    private static final List<Step> NO_HOME =
        List.of(new Step(NORMAL, null, false), new Step(WAITING, null, false), new Step(RESERVE, null, false));
    private static final List<Step> UNSTAFFED =
        List.of(new Step(NORMAL, "home_unstaffed", false), new Step(RESERVE, "home_unstaffed", false));
    private static final Map<String, Integer> WEIGHTS = Map.of("normal", 10, "high", 15, "critical", 20);
    private static final Map<String, Integer> EXTRAS = Map.of("child_material", 10, "distribution", 5, "synthesis", 5,
        "distribution_threat", 5, "online_grooming", 5, "body_cam_phishing", 5);
    private static final Set<String> SEVERE_HARMS = Set.of("child_material", "online_grooming");

    private Rule() {}

    static Severity severityOf(Facts facts) {
        boolean child = "under_14".equals(facts.ageBand()) || facts.harmTypes().contains("child_material")
            || facts.urgencyReasons().contains("under_14") || facts.urgencyReasons().contains("child_material");
        boolean critical = child || facts.urgency().equals("critical") || !WEIGHTS.containsKey(facts.urgency());
        if (facts.synthetic()) {
            return new Severity(0, false, critical, child);
        }
        int extra = 0;
        for (String harm : facts.harmTypes()) {
            extra = Math.max(extra, EXTRAS.getOrDefault(harm, 0));
        }
        boolean severe = critical || facts.harmTypes().stream().anyMatch(SEVERE_HARMS::contains);
        return new Severity(WEIGHTS.get(critical ? "critical" : facts.urgency()) + extra, severe, critical, child);
    }

    private static long used(Load load, int weight) {
        return load.capacity() == 0 ? NO_CAPACITY : (load.load() + weight) * 100L * PER_PERCENT / load.capacity();
    }

    private static boolean full(Load load, int weight) {
        return load.load() + weight > load.capacity();
    }

    private static String excluded(Load load, Severity severity, Limits limits) {
        int weight = severity.weight();
        if (load.state() == State.unstaffed && !limits.unstaffedToo()) {
            return "unstaffed";
        }
        if (severity.severe() && load.severe() >= load.severeCap()) {
            return "severe_full";
        }
        if (full(load, weight) || load.capacity() == 0) {
            return "full";
        }
        boolean reserved = (load.load() + weight) * 100 > load.capacity() * limits.loadPercent()
            || (load.guests() + weight) * 100 > load.capacity() * limits.guestsPercent();
        return reserved ? "reserved" : null;
    }

    /** Loads stand in the order of their ids; {@code index} says where each is. */
    static Choice assign(Facts facts, Severity severity, Origin origin, Load[] loads, Map<String, Integer> index) {
        String[] unavailable = new String[loads.length];
        boolean anyAvailable = false, anyOnDuty = false;
        for (int n = 0; n < loads.length; n++) {
            if (loads[n].state() == State.closed) {
                unavailable[n] = "closed";
            } else if (facts.declinedCenters().contains(loads[n].center())) {
                unavailable[n] = "declined";
            } else {
                anyAvailable = true;
                anyOnDuty |= loads[n].state() != State.unstaffed;
            }
        }
        Integer homeAt = origin.home() == null ? null : index.get(origin.home());
        Load home = homeAt == null || unavailable[homeAt] != null ? null : loads[homeAt];
        String homeBecause = null;
        long homeUsed = home == null ? 0 : used(home, severity.weight());
        List<Step> steps = new ArrayList<>();
        String[] last = unavailable;
        if (home == null) {
            steps.addAll(NO_HOME);
        } else if (severity.critical() && home.state() == State.unstaffed) {
            homeBecause = "unstaffed";
            steps.addAll(UNSTAFFED);
        } else {
            if (severity.severe() && home.severe() >= home.severeCap()) {
                homeBecause = "severe_full";
                steps.add(new Step(NORMAL, "home_severe_full", false));
            }
            if (homeUsed > THRESHOLD * PER_PERCENT) {
                homeBecause = homeBecause != null ? homeBecause : full(home, severity.weight()) ? "full" : "busier";
                steps.add(new Step(NORMAL, "home_full_neighbour", true));
            }
            if (homeUsed > OVERLOAD * PER_PERCENT) {
                steps.add(new Step(WAITING, "home_full_neighbour", false));
                steps.add(new Step(RESERVE, "home_overloaded", false));
            }
            if (steps.isEmpty()) {
                return done(home.center(), "home", null, last, severity, origin, facts, loads, index);
            }
        }
        for (Step step : steps) {
            if (step.limits().unstaffedToo() && severity.critical() && anyOnDuty) {
                continue;
            }
            last = unavailable.clone();
            if (home != null) {
                last[homeAt] = homeBecause;
            }
            for (int n = 0; n < loads.length; n++) {
                if (last[n] == null) {
                    last[n] = excluded(loads[n], severity, step.limits());
                    if (last[n] == null && step.clearlyBetter()
                        && used(loads[n], severity.weight()) > homeUsed - MARGIN * PER_PERCENT) {
                        last[n] = "not_clearly_better";
                    }
                }
            }
            for (int number = 0; number < origin.rings().size(); number++) {
                List<String> ring = origin.rings().get(number);
                Load least = null;
                for (String center : ring) {
                    Load load = loads[index.get(center)];
                    if (last[index.get(center)] == null
                        && (least == null || used(load, severity.weight()) < used(least, severity.weight()))) {
                        least = load;
                    }
                }
                if (least != null) {
                    String reason = step.reason() != null ? step.reason() : withoutHome(severity, origin, anyOnDuty, facts);
                    if (reason.equals("home_full_neighbour") && number >= NEIGHBOUR_RINGS) {
                        reason = "home_full_wider";
                    }
                    return done(least.center(), reason, ring, last, severity, origin, facts, loads, index);
                }
            }
        }
        return lastResort(home, homeBecause, anyAvailable, anyOnDuty, unavailable, last, severity, origin, facts, loads, index);
    }

    private static Choice lastResort(Load home, String homeBecause, boolean anyAvailable, boolean anyOnDuty,
                                     String[] unavailable, String[] last, Severity severity, Origin origin, Facts facts,
                                     Load[] loads, Map<String, Integer> index) {
        if (home != null && !"unstaffed".equals(homeBecause)) {
            String reason = full(home, severity.weight()) ? "all_full" : "home";
            return done(home.center(), reason, null, last, severity, origin, facts, loads, index);
        }
        if (home != null && !anyOnDuty) {
            return done(home.center(), "nobody_on_duty", null, last, severity, origin, facts, loads, index);
        }
        if (!anyAvailable) {
            return done("central", "all_closed", null, last, severity, origin, facts, loads, index);
        }
        boolean dutyOnly = home != null || severity.critical() && anyOnDuty;
        Load least = null;
        for (int n = 0; n < loads.length; n++) {
            boolean asked = unavailable[n] == null && !(dutyOnly && loads[n].state() == State.unstaffed);
            if (asked && (least == null || used(loads[n], severity.weight()) < used(least, severity.weight()))) {
                least = loads[n];
            }
        }
        String reason = home != null ? "home_unstaffed" : withoutHome(severity, origin, anyOnDuty, facts);
        if (home == null && !reason.equals("nobody_on_duty") && full(least, severity.weight())) {
            reason = "all_full";
        }
        return done(least.center(), reason, null, last, severity, origin, facts, loads, index);
    }

    private static String withoutHome(Severity severity, Origin origin, boolean anyOnDuty, Facts facts) {
        if (severity.critical() && !anyOnDuty) {
            return "nobody_on_duty";
        }
        if (origin.home() == null) {
            return origin.reason();
        }
        return facts.declinedCenters().contains(origin.home()) ? "home_declined" : "home_closed";
    }

    private static Choice done(String center, String reason, List<String> ring, String[] excluded, Severity severity,
                               Origin origin, Facts facts, Load[] loads, Map<String, Integer> index) {
        String[] because = new String[loads.length];
        for (int n = 0; n < loads.length; n++) {
            because[n] = excluded[n] != null ? excluded[n] : ring != null ? "out_of_reach" : "kept_at_home";
        }
        if (ring != null) {
            for (String other : ring) {
                if (excluded[index.get(other)] == null) {
                    because[index.get(other)] = "busier";
                }
            }
        }
        Integer at = index.get(center);
        if (at != null) {
            because[at] = "chosen";
        }
        boolean over = at == null || full(loads[at], severity.weight());
        boolean copies = !center.equals("central")
            && (severity.child() || origin.home() == null || reason.equals("all_full") || reason.equals("nobody_on_duty"));
        boolean away = origin.home() != null && !center.equals(origin.home())
            && !facts.declinedCenters().contains(origin.home());
        return new Choice(center, origin.home(), reason, over, copies, away, because);
    }
}
