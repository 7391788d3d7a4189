// Written by `make docs` from shared/store_access.py: change it there.
// For mongosh, as an administrator; docs/reference/store-rights.md says how. May be run again.
const users = [
  {
    "user": "intake",
    "role": "readWrite",
    "db": "ieum_intake",
    "privileges": []
  },
  {
    "user": "routing",
    "role": "readWrite",
    "db": "ieum_routing",
    "privileges": []
  },
  {
    "user": "notify",
    "role": "readWrite",
    "db": "ieum_notify",
    "privileges": []
  },
  {
    "user": "auditor",
    "role": "ieum_auditor",
    "db": "ieum_notify",
    "privileges": [
      {
        "resource": {
          "db": "ieum_notify",
          "collection": "findings"
        },
        "actions": [
          "find",
          "insert",
          "update",
          "remove",
          "createIndex",
          "listIndexes"
        ]
      },
      {
        "resource": {
          "db": "ieum_notify",
          "collection": "auditor"
        },
        "actions": [
          "find",
          "insert",
          "update",
          "remove",
          "createIndex",
          "listIndexes"
        ]
      }
    ]
  },
  {
    "user": "analytics",
    "role": "readWrite",
    "db": "ieum_analytics",
    "privileges": []
  },
  {
    "user": "identity",
    "role": "readWrite",
    "db": "ieum_identity",
    "privileges": []
  }
];
const admin = db.getSiblingDB("admin");
const variable = (each) => "IEUM_STORE_PASSWORD_" + each.user.toUpperCase();
const missing = users.map(variable).filter((name) => !process.env[name]);
if (missing.length > 0) {
  print("setting " + missing.join(", ") + ": found nothing; expected a password for each user;"
    + " example: " + missing[0] + "=$(openssl rand -hex 32)");
  quit(78);
}
for (const each of users) {
  const pwd = process.env[variable(each)];
  let roles = [{ role: each.role, db: each.db }];
  if (each.privileges.length > 0) {
    const found = admin.getRole(each.role);
    if (found) admin.updateRole(each.role, { privileges: each.privileges, roles: [] });
    else admin.createRole({ role: each.role, privileges: each.privileges, roles: [] });
    roles = [{ role: each.role, db: "admin" }];
  }
  const wanted = { pwd: pwd, roles: roles, mechanisms: ["SCRAM-SHA-256"] };
  if (admin.getUser(each.user)) admin.updateUser(each.user, wanted);
  else admin.createUser({ user: each.user, ...wanted });
  print(each.user + " may read and write " + each.db);
}
