//! `JUnit` XML, for servers that run tests: a suite for each report, a case for each tensor.

use quick_junit::{NonSuccessKind, Report as Suites, TestCase, TestCaseStatus, TestSuite};

use super::{group_name, groups, records_of, title, worst};
use crate::autograd::check::{Report, Verdict};

/// The reports as `JUnit` XML.
///
/// A tensor with a wrong gradient fails; one of which nothing was judged is skipped. Faults of the whole function are a
/// case of their own, `function`.
#[must_use]
pub fn junit(reports: &[Report]) -> String {
    let mut suites = Suites::new("gradient check");
    for report in reports {
        let mut suite = TestSuite::new(title(report));
        let mut function = TestCase::new("function", function_status(report));
        function.set_classname(title(report));
        suite.add_test_case(function);
        for group in groups(report) {
            let mut case = TestCase::new(group_name(report, group), status(report, group));
            case.set_classname(title(report));
            suite.add_test_case(case);
        }
        suites.add_test_suite(suite);
    }
    // It writes to memory; only an invalid time stamp could fail, and there is none.
    suites.to_string().unwrap_or_default()
}

fn function_status(report: &Report) -> TestCaseStatus {
    if !report.faults.is_empty() {
        return failure(&report.faults[0], report.faults.join("\n"));
    }
    if report.judged() || report.failed() {
        return TestCaseStatus::success();
    }
    failure("nothing was judged", report.to_string())
}

fn status(report: &Report, group: Option<usize>) -> TestCaseStatus {
    let records = records_of(report, group);
    let wrong = records.iter().filter(|r| !r.is_ok()).count();
    if let Some(record) = worst(&records).filter(|r| !r.is_ok()) {
        let message = format!(
            "{wrong} of {} numbers disagree; the worst at {:?}: {:e}, {}",
            records.len(),
            record.index,
            record.analytic,
            record.reason
        );
        return failure(&message, report.to_string());
    }
    if records.iter().any(|r| r.verdict == Verdict::Pass) {
        return TestCaseStatus::success();
    }
    let mut skipped = TestCaseStatus::skipped();
    skipped.set_message("no number was judged");
    skipped
}

fn failure(message: &str, text: String) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(message);
    status.set_description(text);
    status
}
