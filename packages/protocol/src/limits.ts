const KiB = 1024;
const MiB = 1024 * KiB;

/** Limits of a `.rbsm` file, checked before a byte is unpacked. Sizes are bytes. */
export const BUNDLE_LIMITS = {
  fileBytes: 10 * MiB,
  entries: 1_000,
  entryBytes: 4 * MiB,
  unpackedBytes: 32 * MiB,
  manifestBytes: 64 * KiB,
  nameLength: 160,
  nameSegments: 10,
} as const;

/** Limits of signed envelopes, tokens and metadata, checked before they are parsed. Bytes. */
export const TRUST_LIMITS = {
  envelopeBytes: 64 * KiB,
  tokenBytes: 8 * KiB,
  pluginDocumentBytes: 4 * MiB,
  /** Of a document what its versions take; the rest is for keys, and for marks that come later. */
  pluginVersionsBytes: 2.5 * MiB,
  /** All manifests of one plugin, which are read when its document is made. */
  pluginManifestsBytes: 8 * MiB,
  /** What a ceremony sends, as JSON, and each list in it. */
  uploadBytes: 1 * MiB,
  /** All advisories together: hosts read lists up to `targetsBytes`. */
  advisoriesBytes: 4_000_000,
} as const;

/** What a plugin's page shows. Sizes are bytes, sides pixels. */
export const MEDIA_LIMITS = {
  iconBytes: 256 * KiB,
  iconMinSide: 64,
  iconMaxSide: 1_024,
  screenshotBytes: 2 * MiB,
  screenshotMaxSide: 4_096,
  /** Unpacked pixels of a PNG: 4,096 a side with 32 bits each, and a byte for each line. */
  pngPixelBytes: 65 * MiB,
  /** The same of all PNGs of a bundle. */
  bundlePixelBytes: 384 * MiB,
  /** Source of a README or changelog. */
  markdownBytes: 256 * KiB,
} as const;

/** How much the scan of a bundle reports. */
export const SCAN_LIMITS = {
  findings: 50,
  /** Invisible characters of a bundle that may belong to emoji. */
  emoji: 10_000,
} as const;

/** Limits of the transparency log and of what is read of it. */
export const LOG_LIMITS = {
  /** The length of an entry is written in two bytes. */
  entryBytes: 65_535,
  noteBytes: 64 * KiB,
  proofBytes: 72 * KiB,
  /** Signature lines of a note: one of the log, the others of witnesses. */
  signatures: 32,
  /** 256 hashes. */
  tileBytes: 8 * KiB,
  /** 256 entries with their lengths. */
  entriesBytes: 256 * (2 + 65_535),
} as const;

/** Limits of one plugin call; a manifest may ask for more and an administrator may grant it. */
export const CALL_LIMITS = {
  hookCpuMs: 50,
  methodCpuMs: 500,
  scheduleCpuMs: 5_000,
  hookWallMs: 1_000,
  methodWallMs: 10_000,
  scheduleWallMs: 60_000,
  memoryMb: 32,
  payloadBytes: 1 * MiB,
  /** A request or response as JSON text: JSON takes up to six bytes for one of the body. */
  messageBytes: 7 * MiB,
  payloadDepth: 64,
  callsInFlight: 32,
  fetchResponseBytes: 2 * MiB,
  logBytes: 64 * KiB,
  logLines: 256,
  pluginCallDepth: 8,
} as const;

/** Limits of a plugin's `fetch`. Sizes are bytes, times ms. */
export const FETCH_LIMITS = {
  fetchesPerCall: 10,
  /** At the same time: of one plugin, and of all together. */
  openPerPlugin: 8,
  openPerHost: 64,
  redirects: 5,
  urlBytes: 8 * KiB,
  requestBytes: 512 * KiB,
  sentHeaders: 64,
  headerBytes: 16 * KiB,
  receivedHeaders: 128,
  connectMs: 5_000,
  fetchMs: 30_000,
} as const;

/** Host calls a minute of one plugin; what is saved up is at most one minute's. */
export const RATE_LIMITS = {
  hostCalls: 6_000,
  writes: 600,
  notifications: 60,
  fetches: 300,
} as const;

/** What administrators enter for a plugin. Lengths are characters, sizes bytes of JSON. */
export const SETTINGS_LIMITS = {
  configBytes: 64 * KiB,
  /** Less than what crosses to a plugin, which gets them inside of other data. */
  configDepth: 32,
  secretLength: 4_096,
  /** Mistakes in settings that are listed; more are not looked for. */
  findings: 50,
} as const;

/** What the host remembers of the host calls of one plugin, and how soon it is stored. */
export const AUDIT_LIMITS = {
  rowsPerPlugin: 2_000,
  rowsPerDocument: 500,
  rowsPerPage: 1_000,
  flushMs: 1_000,
} as const;

/** Limits of a plugin's key-value storage. */
export const STORAGE_LIMITS = {
  totalBytes: 5 * MiB,
  valueBytes: 256 * KiB,
  keys: 1_000,
  keyLength: 256,
} as const;

/** What the most generous manifest may ask for under `limits`. */
export const REQUESTABLE_LIMITS = {
  cpuMs: 10_000,
  wallMs: 300_000,
  memoryMb: 256,
  storageMb: 100,
} as const;

/** Limits of a host's requests to a marketplace. Times are ms, sizes bytes. */
export const CLIENT_LIMITS = {
  requestMs: 30_000,
  idleMs: 15_000,
  downloadMs: 600_000,
  redirects: 3,
  attempts: 4,
  backOffMs: 250,
  jsonBytes: 256 * KiB,
  problemBytes: 64 * KiB,
  rootBytes: 512_000,
  /** Versions of the root that are followed at once. */
  roots: 1_024,
  timestampBytes: 16_384,
  snapshotBytes: 2_000_000,
  targetsBytes: 5_000_000,
} as const;

/** Limits of one install: how many plugins a set may hold and how much the search for it may do. */
export const INSTALL_LIMITS = {
  plugins: 100,
  /** Needs of plugins that are looked at, and characters of the ranges that versions are held against. */
  resolveWork: 1_000_000,
  /** Plugins of which the versions are read. */
  resolveReads: 500,
  reportedConflicts: 5,
} as const;

/** Limits of the host's own HTTP surface. Sizes are bytes. */
export const HOST_HTTP_LIMITS = {
  apiBodyBytes: 1 * MiB,
  sideloadBodyBytes: BUNDLE_LIMITS.fileBytes,
  responseHeaders: 64,
} as const;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What a publisher's account holds, and how long a change of it waits or can be made. Times are ms. */
export const ACCOUNT_LIMITS = {
  activeKeys: 20,
  /** Keys, revoked ones included, and as many statements about them. */
  keys: 200,
  /** Of these the last are kept for revocations, and of those the last for recoveries. */
  keptForRevocations: 50,
  keptForRecoveries: 10,
  keyStatementBytes: 8 * KiB,
  transferCooldownMs: 7 * DAY_MS,
  /** A publisher may remove a plugin for so long after its first release. */
  removalMs: 72 * HOUR_MS,
} as const;

/** When a name needs a person's decision. Lengths are characters of the folded name. */
export const NAME_LIMITS = {
  /** Plugins that a new name is compared with letter by letter: verified ones, and popular ones. */
  prominent: 200,
  /** Shorter names are near each other by chance. */
  nearFrom: 4,
  /** From here on two slips count as near, before one. */
  twoSlipsFrom: 9,
} as const;

/** How long leases run, and what an instance may ask for. Times are milliseconds. */
export const LICENSE_LIMITS = {
  leaseMs: 14 * DAY_MS,
  graceMs: 14 * DAY_MS,
  floatingLeaseMs: 1 * HOUR_MS,
  floatingGraceMs: 24 * HOUR_MS,
  transferCooldownMs: 30 * DAY_MS,
  /** A lease that travels as a file, to a host without a network. */
  offlineLeaseMs: 90 * DAY_MS,
  /** How often in `resumeWindowMs` a host that lost its newest lease gets it again. */
  resumes: 5,
  resumeWindowMs: 30 * DAY_MS,
  /** How long after a paid period the provider may take to collect the next one. */
  collectionMs: 3 * DAY_MS,
  /** A proof older (or newer) than this is refused. */
  proofAgeMs: 5 * 60_000,
  /** A return receipt may have travelled on a stick. */
  receiptAgeMs: 90 * DAY_MS,
  activationAttempts: 10,
  activationWindowMs: 1 * HOUR_MS,
  /** How far past the clock a signed time may push a host's time floor. */
  floorStepMs: 24 * HOUR_MS,
  /** How long server time taken from a lease is better than the system clock. */
  offsetFreshMs: 48 * HOUR_MS,
  /** The longest a lease may take to answer if its time is to be trusted. */
  nonceAgeMs: 2 * 60_000,
} as const;

/** Limits of the files that license a host without a network. Sizes are bytes. */
export const OFFLINE_LIMITS = {
  /** A request holds a lease, written in base64 within base64. */
  requestBytes: 24 * KiB,
  /** All files of an answer together, and each of them. */
  answerBytes: 256 * MiB,
  fileBytes: BUNDLE_LIMITS.fileBytes,
  files: 2_000,
} as const;

/** Orders, and what payment providers may say about them. Times are milliseconds. */
export const ORDER_LIMITS = {
  /** Orders that one network may begin in `windowMs`. */
  ordersPerClient: 20,
  windowMs: 1 * HOUR_MS,
  seats: 10_000,
  /** In the smallest unit of the currency: payment providers take eight digits. */
  amount: 99_999_999,
  /** Bytes of a signed message of a provider, and how old it may be. */
  messageBytes: 64 * KiB,
  messageAgeMs: 5 * 60_000,
} as const;

/** How publishers are told what became of licenses. Times are milliseconds. */
export const WEBHOOK_LIMITS = {
  perPublisher: 20,
  urlChars: 2_000,
  /** Of `GET /v1/events`. */
  eventsPerPage: 100,
  /** The receiver has to answer by then. */
  timeoutMs: 10_000,
  /** Pause after the first failed delivery; doubled each time up to the longest. */
  retryMs: 60_000,
  retryMaxMs: 6 * HOUR_MS,
  /** A webhook that fails for so long is disabled. */
  disableAfterMs: 5 * DAY_MS,
  /** How long the secret before still signs. */
  rotationMs: 24 * HOUR_MS,
} as const;

/** What is said about plugins. Lengths are characters, times milliseconds. */
export const REVIEW_LIMITS = {
  titleChars: 100,
  textChars: 4_000,
  replyChars: 2_000,
  /** How long an instance has had the plugin before it can review it. */
  heldMs: DAY_MS,
  /** After a review of one major version, how long its instance reviews no other beside it. */
  betweenMajorsMs: 90 * DAY_MS,
  /** Reviews that are written or changed from one network on a day. */
  reviewsPerNetwork: 20,
  perPage: 20,
  /** Of a report, and of the note that ends it. */
  reportChars: 2_000,
  contactChars: 200,
  /** Reports of one network (an IPv4 address, an IPv6 /64; ten times as many of a /48) on a day. */
  reportsPerNetwork: 10,
} as const;

/** What instances report daily, and when it counts. */
export const BEACON_LIMITS = {
  /** Plugins of one report; a host with more of them reports the first by name. */
  plugins: 500,
  /** Bytes of a host's list of them: with its day a report stays below the longest JSON that is taken. */
  listBytes: 63 * KiB,
  /** Plugins that one instance has or had; it counts for no further ones. */
  everHeld: 2_000,
  /** After so many days without a report an instance has its plugins no more. */
  silentDays: 30,
  /** Instances of one network (an IPv4 address, an IPv6 /64; ten times as many of a /48) whose first report is taken on a day. */
  newPerNetwork: 10,
  /** Instances of one network that are registered on a day. */
  registrationsPerNetwork: 200,
  /** The same for those that bring a license that they may hold. */
  registrationsWithLicense: 2_000,
  /** How often a host tries to send the report of one day. */
  attempts: 3,
} as const;

/** Lengths of versions and ranges in characters. */
export const VERSION_LIMITS = {
  versionLength: 128,
  rangeLength: 256,
} as const;

/** What a manifest may hold at most. */
export const MANIFEST_LIMITS = {
  depth: 16,
  /** Mistakes that are listed; of more it is only said that there are more. */
  findings: 200,
  displayNameChars: 80,
  descriptionChars: 2_000,
  reasonChars: 300,
  urlChars: 300,
  dependencies: 50,
  permissions: 50,
  networkHosts: 50,
  categories: 3,
  keywords: 10,
  keywordChars: 40,
  screenshots: 10,
  listItems: 100,
  plans: 10,
  /** Of one plan: a lease holds them all, and a lease is at most `TRUST_LIMITS.tokenBytes`. */
  entitlements: 40,
} as const;

/** How many plugins and calls one runtime takes, and when it gives up on a child process. */
export const RUNTIME_LIMITS = {
  isolatesPerChild: 32,
  /** isolated-vm makes no isolate with less. */
  memoryMinMb: 8,
  openCallsPerPlugin: 128,
  /** Of all plugins together. */
  openCalls: 1_024,
  /** Plugins that are being loaded at a time. */
  loads: 128,
  /** Child processes at a time, without the spare one. */
  children: 16,
  /** What waits in the pipe to a child that does not read: from here on it takes no call, … */
  pipeBytes: 16 * MiB,
  /** … and from here on it is ended. */
  pipeMaxBytes: 64 * MiB,
  /** Answers, log lines and host calls of calls that are over, which one child may send in 1 s. */
  lateFrames: 50_000,
  /** A plugin without a call for this long leaves its isolate. */
  idleMs: 600_000,
  /** A child without a plugin is ended after this long. */
  emptyChildMs: 5_000,
  /** A child that is not ready by then is ended. */
  startMs: 10_000,
  /** A child that says it ends an isolate or itself, and has not by then, is ended. */
  stopMs: 2_000,
  /** Pause after a child that did not start; doubled each time up to the longest. */
  startPauseMs: 100,
  startPauseMaxMs: 2_000,
  /** A child's RSS cap is base + perIsolate × isolates + slack, in MB. */
  rssBaseMb: 80,
  rssPerIsolateMb: 3,
  rssSlackMb: 160,
  /** What the supervisor allows above the cap that the child holds itself to. */
  rssGraceMb: 64,
  dataAboveRssMb: 200,
  heartbeatMs: 1_000,
  missedPongs: 4,
  /** After this long past the wall limit without an answer the child is ended. */
  overdueMs: 1_500,
  /** A plugin that was part of a crash stays alone for this long. */
  aloneMs: 600_000,
  crashesBeforeQuarantine: 3,
  /** Source maps of one plugin that are read for its stack traces: what that costs, the host pays. */
  sourceMapBytes: 128 * KiB,
  /** Frames of one stack trace that are looked up in them. */
  mappedFrames: 32,
} as const;

/** How schedules are run, and for how long a host process that ended may hold one. */
export const SCHEDULE_LIMITS = {
  /** Schedules of one host that run at a time; more wait. */
  running: 8,
  /** A run later than this was missed: it is made up (`catchUp`) or left out. */
  lateMs: 60_000,
  /** A run whose host has not renewed its claim for so long is taken over. */
  claimMs: 20_000,
  renewClaimMs: 5_000,
  /** The clock is looked at this often, so that a machine that slept or was set goes on. */
  wakeMs: 600_000,
} as const;

/** What a host remembers of each plugin's states and log lines. */
export const HISTORY_LIMITS = {
  eventsPerPlugin: 1_000,
  messageChars: 500,
  logLines: 500,
  /** Of the messages and fields of all lines of one plugin. */
  logChars: 1_048_576,
} as const;

/** How events reach plugins' hooks. */
export const HOOK_LIMITS = {
  /** Events that wait for one plugin; more are dropped for it. */
  waiting: 1_000,
  /** An event that has waited longer is dropped. */
  waitMs: 60_000,
  /** Hooks that one plugin gets at once, and how many a second once those are used up. */
  burst: 2_000,
  perSecond: 20,
} as const;
