// Written by `make docs` from shared/store_access.py: change it there.
// For mongosh, as an administrator; docs/reference/store-rights.md says how. May be run again.
const users = [
  {
    "user": "intake",
    "roles": [
      {
        "role": "readWrite",
        "db": "ieum_intake"
      }
    ]
  },
  {
    "user": "routing",
    "roles": [
      {
        "role": "readWrite",
        "db": "ieum_routing"
      }
    ]
  },
  {
    "user": "notify",
    "roles": [
      {
        "role": "readWrite",
        "db": "ieum_notify"
      },
      {
        "role": "read",
        "db": "ieum_auditor"
      }
    ]
  },
  {
    "user": "auditor",
    "roles": [
      {
        "role": "readWrite",
        "db": "ieum_auditor"
      }
    ]
  },
  {
    "user": "analytics",
    "roles": [
      {
        "role": "readWrite",
        "db": "ieum_analytics"
      }
    ]
  },
  {
    "user": "identity",
    "roles": [
      {
        "role": "readWrite",
        "db": "ieum_identity"
      }
    ]
  },
  {
    "user": "verifier",
    "roles": [
      {
        "role": "read",
        "db": "ieum_intake"
      },
      {
        "role": "read",
        "db": "ieum_notify"
      },
      {
        "role": "read",
        "db": "ieum_identity"
      },
      {
        "role": "read",
        "db": "ieum_analytics"
      }
    ]
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
  const wanted = { pwd: process.env[variable(each)], roles: each.roles, mechanisms: ["SCRAM-SHA-256"] };
  if (admin.getUser(each.user)) admin.updateUser(each.user, wanted);
  else admin.createUser({ user: each.user, ...wanted });
  print(each.user + ": " + each.roles.map((role) => role.role + " " + role.db).join(", "));
}
