package judge;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.diagnostic.PDFRevisionWrapper;
import eu.europa.esig.dss.diagnostic.TimestampWrapper;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.service.crl.OnlineCRLSource;
import eu.europa.esig.dss.service.ocsp.OnlineOCSPSource;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.simplereport.jaxb.XmlTimestamp;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.aia.DefaultAIASource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.OffsetDateTime;
import java.util.Date;

/**
 * Validates documents with EU DSS and its default policy: one JSON object a line in, one a line out.
 *
 * <p>In: {@code file} (path), {@code anchors} (PEM texts), {@code validationTime} (RFC 3339, optional), {@code online}
 * (fetch OCSP, CRL and issuers from loopback). Out: {@code signatures} and {@code timestamps}, each with {@code id},
 * {@code indication}, {@code subIndication}, {@code errors} and {@code fieldName} (none for what is inside a signature), signatures
 * with their {@code level}, timestamps with their {@code type}; or {@code failure} where the file could not be read as a document.
 */
public final class Judge {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Judge() {}

    /** Answers until the input ends. */
    public static void main(String[] arguments) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(JSON.writeValueAsString(answer(JSON.readTree(line))));
        }
    }

    private static ObjectNode answer(JsonNode request) {
        try {
            return judge(request);
        } catch (Exception error) { // the next file must still get its answer, whatever this one threw
            return JSON.createObjectNode().put("failure", error.getClass().getSimpleName() + ": " + error.getMessage());
        }
    }

    private static ObjectNode judge(JsonNode request) throws Exception {
        SignedDocumentValidator validator =
                SignedDocumentValidator.fromDocument(new FileDocument(new File(request.get("file").textValue())));
        validator.setCertificateVerifier(verifier(request));
        if (request.hasNonNull("validationTime")) {
            validator.setValidationTime(Date.from(OffsetDateTime.parse(request.get("validationTime").textValue()).toInstant()));
        }
        Reports reports = validator.validateDocument();
        SimpleReport report = reports.getSimpleReport();
        DiagnosticData data = reports.getDiagnosticData();
        ObjectNode result = JSON.createObjectNode();
        ArrayNode signatures = result.putArray("signatures");
        ArrayNode timestamps = result.putArray("timestamps");
        for (String id : report.getSignatureIdList()) {
            ObjectNode signature = verdict(signatures.addObject(), report, id);
            signature.put("level", String.valueOf(report.getSignatureFormat(id)));
            signature.put("fieldName", fieldName(data.getSignatureById(id).getPDFRevision()));
            for (XmlTimestamp timestamp : report.getSignatureTimestamps(id)) {
                timestamp(timestamps.addObject(), report, data, timestamp.getId());
            }
        }
        for (String id : report.getTimestampIdList()) { // those of no signature
            timestamp(timestamps.addObject(), report, data, id);
        }
        return result;
    }

    private static void timestamp(ObjectNode node, SimpleReport report, DiagnosticData data, String id) {
        TimestampWrapper timestamp = data.getTimestampById(id);
        verdict(node, report, id);
        node.put("type", timestamp.getType().name());
        node.put("fieldName", fieldName(timestamp.getPDFRevision()));
    }

    /** The field that a signature dictionary is in; none for what is inside a signature. */
    private static String fieldName(PDFRevisionWrapper revision) {
        return revision == null ? null : revision.getFirstFieldName();
    }

    private static ObjectNode verdict(ObjectNode node, SimpleReport report, String id) {
        node.put("id", id);
        node.put("indication", report.getIndication(id).name());
        node.put("subIndication", report.getSubIndication(id) == null ? null : report.getSubIndication(id).name());
        ArrayNode errors = node.putArray("errors");
        report.getAdESValidationErrors(id).forEach(message -> errors.add(message.getValue()));
        return node;
    }

    private static CommonCertificateVerifier verifier(JsonNode request) throws Exception {
        CommonTrustedCertificateSource anchors = new CommonTrustedCertificateSource();
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        for (JsonNode pem : request.get("anchors")) {
            byte[] text = pem.textValue().getBytes(StandardCharsets.US_ASCII);
            for (Certificate certificate : factory.generateCertificates(new ByteArrayInputStream(text))) {
                anchors.addCertificate(new CertificateToken((X509Certificate) certificate));
            }
        }
        CommonCertificateVerifier verifier = new CommonCertificateVerifier();
        verifier.setTrustedCertSources(anchors);
        verifier.setAIASource(null);
        if (request.path("online").booleanValue()) {
            verifier.setOcspSource(new OnlineOCSPSource(new LoopbackLoader("application/ocsp-request")));
            verifier.setCrlSource(new OnlineCRLSource(new LoopbackLoader(null)));
            verifier.setAIASource(new DefaultAIASource(new LoopbackLoader(null)));
        }
        return verifier;
    }
}
