// Drives the Salesforce stand-in with jsforce and prints what it saw as one JSON document.
// Arguments: the stand-in's address, a bearer token. Exits 1 with the error on stderr.
import { createRequire } from "node:module";

const jsforce = createRequire(import.meta.url)("jsforce");
const [instanceUrl, accessToken] = process.argv.slice(2);
const seen = {};
const refusal = async (call) => {
  try {
    await call();
    return null;
  } catch (error) {
    return error.errorCode ?? error.message.split(":")[0];
  }
};

async function main() {
  const connection = new jsforce.Connection({ instanceUrl, accessToken, version: "60.0" });

  seen.username = (await connection.identity()).username;
  seen.limits = (await connection.limits()).DailyApiRequests.Max;
  seen.versions = (await connection.request("/services/data")).length > 10;
  const described = await connection.sobject("Contact").describe();
  seen.lastNameLength = described.fields.find((field) => field.name === "LastName").length;
  seen.listViews = (await connection.sobject("Contact").listviews()).listviews.map((view) => view.developerName).sort();

  const account = await connection.sobject("Account").create({ Name: "Acme" });
  const one = await connection.sobject("Contact").create({ LastName: "Adler", AccountId: account.id });
  const many = await connection.sobject("Contact").create([{ LastName: "Berg" }, { FirstName: "No" }, { LastName: "Cohn" }]);
  seen.created = many.map((result) => result.success);
  seen.createError = many[1].errors[0].statusCode;
  const updated = await connection.sobject("Contact").update([{ Id: one.id, Title: "Boss" }, { Id: many[0].id, Title: "Aide" }]);
  seen.updated = updated.map((result) => result.success);
  const upserted = await connection.sobject("Contact").upsert(
    [{ Email: "ida@example.com", LastName: "Ida" }, { Email: "ida@example.com", LastName: "Ida 2" }], "Email");
  seen.upserted = upserted.map((result) => result.created);
  const retrieved = await connection.sobject("Contact").retrieve([one.id, many[0].id]);
  seen.retrieved = retrieved.map((record) => record.Title);

  seen.parents = (await connection.sobject("Contact")
    .find({ LastName: { $like: "A%" } }, "Id, LastName, Account.Name").execute())
    .map((record) => [record.LastName, record.Account.Name]);
  const paged = await connection.query("SELECT Id, LastName FROM Contact", { autoFetch: true, maxFetch: 100 });
  seen.queried = paged.records.length;
  const oneByOne = [];
  await new Promise((resolve, reject) => connection.query("SELECT LastName FROM Contact ORDER BY LastName")
    .on("record", (record) => oneByOne.push(record.LastName)).on("end", resolve).on("error", reject)
    .run({ autoFetch: true, maxFetch: 100 }));
  seen.pages = oneByOne;
  seen.count = (await connection.query("SELECT COUNT() FROM Contact")).totalSize;

  seen.badQuery = await refusal(() => connection.query("SELECT Nope FROM Contact"));
  seen.badField = await refusal(() => connection.sobject("Contact").create({ Nope: 1 }));
  seen.missing = await refusal(() => connection.sobject("Contact").retrieve("003000000000000AAA"));

  const composed = await connection.requestPost("/services/data/v60.0/composite", {
    allOrNone: true,
    compositeRequest: [
      { method: "POST", url: "/services/data/v60.0/sobjects/Account", referenceId: "acme", body: { Name: "Composite" } },
      { method: "POST", url: "/services/data/v60.0/sobjects/Contact", referenceId: "ida",
        body: { LastName: "Dahl", AccountId: "@{acme.id}" } },
    ],
  });
  seen.composed = composed.compositeResponse.map((part) => part.httpStatusCode);

  const end = new Date(Date.now() + 3600e3), start = new Date(Date.now() - 3600e3);
  seen.changed = (await connection.sobject("Contact").updated(start, end)).ids.length;
  const destroyed = await connection.sobject("Contact").destroy([many[0].id, many[2].id]);
  seen.destroyed = destroyed.map((result) => result.success);
  seen.deleted = (await connection.sobject("Contact").deleted(start, end)).deletedRecords.length;
  seen.allRows = (await connection.query("SELECT Id FROM Contact", { scanAll: true })).totalSize;

  connection.bulk2.pollInterval = 20;
  connection.bulk2.pollTimeout = 20000;
  const loaded = await connection.bulk2.loadAndWaitForResults({
    object: "Contact", operation: "insert", input: [{ LastName: "Bulk 1", Title: "T" }, { LastName: "", Title: "T" }, { LastName: "Bulk 2", Title: "T" }],
  });
  seen.bulkGood = loaded.successfulResults.map((row) => row.LastName).sort();
  seen.bulkBad = loaded.failedResults.map((row) => row.sf__Error.split(":")[0]);
  seen.bulkUnprocessed = loaded.unprocessedRecords.length;
  const upsertedInBulk = await connection.bulk2.loadAndWaitForResults({
    object: "Contact", operation: "upsert", externalIdFieldName: "Email",
    input: [{ Email: "ida@example.com", LastName: "Ida 3" }],
  });
  seen.bulkUpserted = upsertedInBulk.successfulResults.map((row) => row.sf__Created);
  const bulkRecords = [];
  const stream = await connection.bulk2.query("SELECT LastName, Account.Name FROM Contact WHERE LastName LIKE 'Bulk%' ORDER BY LastName");
  await new Promise((resolve, reject) => stream.on("record", (record) => bulkRecords.push(record.LastName))
    .on("end", resolve).on("error", reject));
  seen.bulkQueried = bulkRecords;

  const soap = new jsforce.Connection({ loginUrl: instanceUrl, version: "60.0" });
  seen.soapLogin = (await soap.login("admin@acme.example.com", "sandbox-password")).organizationId.slice(0, 3);
  seen.soapQuery = (await soap.query("SELECT Id FROM Organization")).totalSize;
  await soap.logout();
  seen.soapRefused = await refusal(() => new jsforce.Connection({ loginUrl: instanceUrl, version: "60.0" })
    .login("admin@acme.example.com", "wrong"));

  const refreshing = new jsforce.Connection({
    oauth2: { loginUrl: instanceUrl, clientId: "sandbox-consumer", clientSecret: "sandbox-secret",
      redirectUri: "http://127.0.0.1/" },
    instanceUrl, accessToken: "stale", refreshToken: "sandbox-refresh:admin@acme.example.com", version: "60.0",
  });
  seen.refreshed = (await refreshing.query("SELECT Id FROM Organization")).totalSize;
}

main().then(
  () => console.log(JSON.stringify(seen)),
  (error) => {
    console.error(JSON.stringify(seen, null, 1));
    console.error(error);
    process.exit(1);
  },
);
