"""One page to look at: report.html, which shows what the scripts left in model/."""
