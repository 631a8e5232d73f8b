// Deterministic mathematics for tables that reach events: built on IEEE + - * / and sqrt alone,
// which give the same bits on every CPU (with -ffp-contract=off), where libm's functions do not
// (design D1). Accurate to about 1e-12 relative; not made for speed.
//
// Threads: pure functions.

#pragma once

namespace playload::det {

double Log(double x);                          // x > 0
double Exp(double x);                          // |x| <= 700
double Pow(double x, double y);                // x > 0
double NormalQuantile(double p);               // 0 < p < 1
double LogGamma(double x);                     // x > 0
double GammaP(double shape, double x);         // regularised lower incomplete gamma
double GammaQuantile(double shape, double p);  // unit scale, 0 < p < 1

}  // namespace playload::det
