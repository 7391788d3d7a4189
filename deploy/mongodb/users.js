// Written by `make docs` from shared/store_access.py: change it there.
// For mongosh, as an administrator; docs/reference/store-rights.md says how. May be run again.
const roles = [
  { role: "verifier", privileges: [
    {"resource": {"db": "ieum_intake", "collection": "audit"}, "actions": ["find"]},
    {"resource": {"db": "ieum_intake", "collection": "audit_anchors"}, "actions": ["find"]},
    {"resource": {"db": "ieum_intake", "collection": "register"}, "actions": ["find"]},
    {"resource": {"db": "ieum_notify", "collection": "audit"}, "actions": ["find"]},
    {"resource": {"db": "ieum_notify", "collection": "audit_anchors"}, "actions": ["find"]},
    {"resource": {"db": "ieum_notify", "collection": "register"}, "actions": ["find"]},
    {"resource": {"db": "ieum_identity", "collection": "audit"}, "actions": ["find"]},
    {"resource": {"db": "ieum_identity", "collection": "audit_anchors"}, "actions": ["find"]},
    {"resource": {"db": "ieum_identity", "collection": "register"}, "actions": ["find"]},
    {"resource": {"db": "ieum_analytics", "collection": "audit"}, "actions": ["find"]},
    {"resource": {"db": "ieum_analytics", "collection": "audit_anchors"}, "actions": ["find"]},
    {"resource": {"db": "ieum_analytics", "collection": "register"}, "actions": ["find"]},
    {"resource": {"db": "ieum_intake", "collection": "reports"}, "actions": ["collStats"]},
    {"resource": {"db": "ieum_intake", "collection": "accounts"}, "actions": ["collStats"]},
    {"resource": {"db": "ieum_intake", "collection": "redrives"}, "actions": ["collStats"]},
    {"resource": {"db": "ieum_notify", "collection": "reports"}, "actions": ["collStats"]},
    {"resource": {"db": "ieum_notify", "collection": "accounts"}, "actions": ["collStats"]},
    {"resource": {"db": "ieum_notify", "collection": "redrives"}, "actions": ["collStats"]},
    {"resource": {"db": "ieum_identity", "collection": "reports"}, "actions": ["collStats"]},
    {"resource": {"db": "ieum_identity", "collection": "accounts"}, "actions": ["collStats"]},
    {"resource": {"db": "ieum_identity", "collection": "redrives"}, "actions": ["collStats"]},
    {"resource": {"db": "ieum_analytics", "collection": "reports"}, "actions": ["collStats"]},
    {"resource": {"db": "ieum_analytics", "collection": "accounts"}, "actions": ["collStats"]},
    {"resource": {"db": "ieum_analytics", "collection": "redrives"}, "actions": ["collStats"]},
  ] },
];
const users = [
  { user: "intake", roles: [
    {"role": "readWrite", "db": "ieum_intake"},
  ] },
  { user: "routing", roles: [
    {"role": "readWrite", "db": "ieum_routing"},
  ] },
  { user: "notify", roles: [
    {"role": "readWrite", "db": "ieum_notify"},
    {"role": "read", "db": "ieum_auditor"},
  ] },
  { user: "auditor", roles: [
    {"role": "readWrite", "db": "ieum_auditor"},
  ] },
  { user: "analytics", roles: [
    {"role": "readWrite", "db": "ieum_analytics"},
  ] },
  { user: "identity", roles: [
    {"role": "readWrite", "db": "ieum_identity"},
  ] },
  { user: "verifier", roles: [
    {"role": "verifier", "db": "admin"},
  ] },
];
const admin = db.getSiblingDB("admin");
const variable = (each) => "IEUM_STORE_PASSWORD_" + each.user.toUpperCase();
const missing = users.map(variable).filter((name) => !process.env[name]);
if (missing.length > 0) {
  print("setting " + missing.join(", ") + ": found nothing; expected a password for each user;"
    + " example: " + missing[0] + "=$(openssl rand -hex 32)");
  quit(78);
}
for (const { role, privileges } of roles) {
  if (admin.getRole(role)) admin.updateRole(role, { privileges, roles: [] });
  else admin.createRole({ role, privileges, roles: [] });
}
for (const each of users) {
  const wanted = { pwd: process.env[variable(each)], roles: each.roles, mechanisms: ["SCRAM-SHA-256"] };
  if (admin.getUser(each.user)) admin.updateUser(each.user, wanted);
  else admin.createUser({ user: each.user, ...wanted });
  print(each.user + ": " + each.roles.map((role) => role.role + " " + role.db).join(", "));
}
