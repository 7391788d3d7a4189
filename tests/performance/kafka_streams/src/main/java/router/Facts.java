package router;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;

/** What a report's event says of it: ReportFacts in shared/events/reports.py. */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
@JsonInclude(JsonInclude.Include.NON_NULL)
record Facts(String role, List<String> harmTypes, String urgency, List<String> urgencyReasons, String division,
             String district, String ageBand, String gender, String relationship, String platformKind, String channel,
             String language, List<String> declinedCenters, List<String> linkedReports, boolean otherCenters,
             List<String> contactChannels, String threatDeadline, List<String> suspicion, boolean synthetic,
             int triageVersion) {

    /** A report's event. */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    record Received(String reportId, int intakeVersion, String receivedAt, Facts facts) {}

    /** Raises IllegalArgumentException for what the schema does not allow. */
    void check() {
        boolean sound = role != null && urgency != null && division != null && channel != null
            && language != null && language.matches("[a-z]{2,3}")
            && harmTypes != null && !harmTypes.isEmpty() && urgencyReasons != null && !urgencyReasons.isEmpty()
            && (district == null || district.matches("[0-9]{5}")) && triageVersion >= 1;
        if (!sound) {
            throw new IllegalArgumentException("facts");
        }
    }
}
