/** The limit on open files of this process, in advice for the operator. */

/** Enough for eight workers, with a reserve. */
const ENOUGH = 4096;

/** Advice for "too many open files". Node raises its soft limit to the hard one, so only the hard limit can be raised. */
export function openFilesAdvice(): string {
  const limit = openFilesLimit();
  const wanted = Math.max(ENOUGH, 4 * (limit ?? 0));
  const now = limit === undefined ? "" : ` from ${limit}`;
  return `Raise the hard limit on open files${now} to ${wanted} where this program is started: ulimit -n ${wanted} in a shell of root, LimitNOFILE=${wanted} in a unit of systemd`;
}

/** The soft limit, which Node raises to the hard one when it starts; undefined if there is none. */
function openFilesLimit(): number | undefined {
  // Keeps the report from looking up names in the network. The types lack this property.
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report;
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const limit = userLimits?.open_files?.soft;
  return typeof limit === "number" ? limit : undefined;
}
