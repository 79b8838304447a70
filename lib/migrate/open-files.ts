/** How many files this process may have open, in words for an operator. */

/** What eight workers need, and some more. */
const ENOUGH = 4096;

/** What to do about "too many open files". Node uses all that it may: what can be raised is the hard limit. */
export function openFilesAdvice(): string {
  const limit = openFilesLimit();
  const wanted = Math.max(ENOUGH, 4 * (limit ?? 0));
  const now = limit === undefined ? "" : ` from ${limit}`;
  return `Raise the hard limit on open files${now} to ${wanted} where this program is started: ulimit -n ${wanted} in a shell of root, LimitNOFILE=${wanted} in a unit of systemd`;
}

/** The soft limit, which Node raises to the hard one when it starts; undefined where there is none. */
function openFilesLimit(): number | undefined {
  // So it looks up no names in the network. The types do not know it.
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report;
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const limit = userLimits?.open_files?.soft;
  return typeof limit === "number" ? limit : undefined;
}
