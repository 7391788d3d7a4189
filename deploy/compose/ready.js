// The store's health check, after admin.js: the first makes it a replica set of one (transactions need a set); later ones
// see whether it is primary.
try {
  db.adminCommand({ replSetGetStatus: 1 });
} catch (error) {
  db.adminCommand({ replSetInitiate: { _id: "rs0", members: [{ _id: 0, host: "mongodb:27017" }] } });
}
if (!db.hello().isWritablePrimary) quit(1);
