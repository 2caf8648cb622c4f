//! Python's `strftime` in the C locale, for `strftime_now`.

use std::fmt::Write;

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

struct Date {
    year: i64,
    month: u32,   // 1…12
    day: u32,     // 1…31
    weekday: u32, // 0 = Sunday
    yearday: u32, // 1…366
    hour: u32,
    minute: u32,
    second: u32,
}

impl Date {
    /// The proleptic Gregorian date of seconds since 1970. Method: H. Hinnant, "chrono-compatible low-level date algorithms":
    /// years begin in March, so that the leap day comes last; an era is 400 years of 146097 days.
    fn new(seconds: i64) -> Date {
        let (days, of_day) = (seconds.div_euclid(86400), seconds.rem_euclid(86400) as u32);
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = (if from_march < 10 { from_march + 3 } else { from_march - 9 }) as u32;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let yearday = if month <= 2 { day_of_year - 306 } else { day_of_year + 59 + i64::from(leap) } + 1;
        Date {
            year,
            month,
            day: (day_of_year - (153 * from_march + 2) / 5 + 1) as u32,
            weekday: (days + 4).rem_euclid(7) as u32,
            yearday: yearday as u32,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        }
    }

    /// Week of the year when weeks begin on `first` (0 = Sunday, 1 = Monday).
    fn week(&self, first: u32) -> u32 {
        (self.yearday + 6 - (self.weekday + 7 - first) % 7) / 7
    }

    fn directive(&self, out: &mut String, directive: char, padded: bool) -> std::fmt::Result {
        let mut number = |value: i64, width: usize| {
            if padded {
                write!(out, "{value:0width$}")
            } else {
                write!(out, "{value}")
            }
        };
        let hour12 = i64::from((self.hour + 11) % 12 + 1);
        match directive {
            'Y' => number(self.year, 4),
            'm' => number(self.month.into(), 2),
            'd' => number(self.day.into(), 2),
            'H' => number(self.hour.into(), 2),
            'I' => number(hour12, 2),
            'M' => number(self.minute.into(), 2),
            'S' => number(self.second.into(), 2),
            'y' => number(self.year.rem_euclid(100), 2),
            'j' => number(self.yearday.into(), 3),
            'U' => number(self.week(0).into(), 2),
            'W' => number(self.week(1).into(), 2),
            'f' => number(0, 6),
            'w' => write!(out, "{}", self.weekday),
            'u' => write!(out, "{}", (self.weekday + 6) % 7 + 1),
            'e' => write!(out, "{:2}", self.day),
            'A' => out.write_str(DAYS[self.weekday as usize]),
            'a' => out.write_str(&DAYS[self.weekday as usize][..3]),
            'B' => out.write_str(MONTHS[self.month as usize - 1]),
            'b' | 'h' => out.write_str(&MONTHS[self.month as usize - 1][..3]),
            'p' => out.write_str(if self.hour < 12 { "AM" } else { "PM" }),
            'D' | 'x' => write!(out, "{:02}/{:02}/{:02}", self.month, self.day, self.year.rem_euclid(100)),
            'F' => write!(out, "{:04}-{:02}-{:02}", self.year, self.month, self.day),
            'T' | 'X' => write!(out, "{:02}:{:02}:{:02}", self.hour, self.minute, self.second),
            'R' => write!(out, "{:02}:{:02}", self.hour, self.minute),
            'c' => write!(
                out,
                "{} {} {:2} {:02}:{:02}:{:02} {:04}",
                &DAYS[self.weekday as usize][..3],
                &MONTHS[self.month as usize - 1][..3],
                self.day,
                self.hour,
                self.minute,
                self.second,
                self.year
            ),
            'n' => out.write_char('\n'),
            't' => out.write_char('\t'),
            'Z' | 'z' => Ok(()), // a naive datetime has no zone
            '%' => out.write_char('%'),
            other => write!(out, "%{other}"),
        }
    }
}

/// `datetime.fromtimestamp(seconds).strftime(format)`, where `seconds` counts local time.
pub fn strftime(format: &str, seconds: i64) -> String {
    let date = Date::new(seconds);
    let mut out = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let (directive, padded) = match rest.next() {
            Some('-') => (rest.next(), false),
            other => (other, true),
        };
        match directive {
            Some(directive) => date.directive(&mut out, directive, padded).expect("writing to a string does not fail"),
            None => out.push('%'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::strftime;

    #[test]
    fn usual_directives() {
        // 2024-07-26 14:05:09, a Friday
        let at = 1_722_002_709;
        assert_eq!(strftime("%d %b %Y", at), "26 Jul 2024");
        assert_eq!(strftime("%Y-%m-%d %H:%M:%S", at), "2024-07-26 14:05:09");
        assert_eq!(
            strftime("%A, %B %-d, %I:%M %p %j %U %W %u %w %y 100%%", at),
            "Friday, July 26, 02:05 PM 208 29 30 5 5 24 100%"
        );
        assert_eq!(strftime("%c|%D|%T|%q|%", at), "Fri Jul 26 14:05:09 2024|07/26/24|14:05:09|%q|%");
    }

    #[test]
    fn leap_days_and_years_before_1970() {
        assert_eq!(strftime("%F %j %a", 951_782_400), "2000-02-29 060 Tue");
        assert_eq!(strftime("%F %j %a", -86400), "1969-12-31 365 Wed");
        assert_eq!(strftime("%F %j", 1_735_603_200), "2024-12-31 366");
    }
}
