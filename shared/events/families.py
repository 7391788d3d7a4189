"""The events of each topic as one type: what a consumer of the topic says it takes."""

from shared.events.alerts import AlertEscalated, AlertFailed, AlertSent, AlertSettled
from shared.events.cases import (
    CaseAcknowledged,
    CaseAssigned,
    CaseClosed,
    CaseContacted,
    CaseReferred,
    CaseReopened,
    CaseSupported,
    CaseTransferAccepted,
    CaseTransferDeclined,
    CaseTransferExpired,
    CaseTransferOffered,
    CaseTransferRecalled,
)
from shared.events.centers import CenterChanged
from shared.events.reports import (
    ReportAmended,
    ReportMessageLeft,
    ReportReceived,
    ReportReinstated,
    ReportWithdrawn,
)
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated

ReportEvents = ReportReceived | ReportAmended | ReportMessageLeft | ReportWithdrawn | ReportReinstated
RoutingEvents = ReportRouted | ReportRerouted | ReportUpdated | ReportEnded
CaseEvents = (
    CaseAcknowledged
    | CaseAssigned
    | CaseContacted
    | CaseSupported
    | CaseTransferOffered
    | CaseTransferAccepted
    | CaseTransferDeclined
    | CaseTransferRecalled
    | CaseTransferExpired
    | CaseReferred
    | CaseClosed
    | CaseReopened
)
AlertEvents = AlertSent | AlertFailed | AlertEscalated | AlertSettled
CenterEvents = CenterChanged
