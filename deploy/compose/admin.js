// For mongosh --nodb: connects as the administrator to STORE_AT. The password comes from its file: among the arguments of
// a process, as in an address given to mongosh, everybody on the host reads it.
const read = (file) => require("fs").readFileSync("/run/secrets/" + file, "utf8").trim();
db = connect("mongodb://admin:" + encodeURIComponent(read("STORE_ADMIN")) + "@" + process.env.STORE_AT
  + "&authSource=admin&tls=true&tlsCAFile=/run/secrets/ca.pem");
