package judge;

import eu.europa.esig.dss.model.DSSException;
import eu.europa.esig.dss.spi.client.http.DataLoader;
import eu.europa.esig.dss.spi.exception.DSSExternalResourceException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;

/** Fetches OCSP responses, CRLs and certificates over plain HTTP, from the loopback interface alone and without redirects. */
final class LoopbackLoader implements DataLoader {
    private static final long serialVersionUID = 1L;
    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final HttpClient CLIENT =
            HttpClient.newBuilder().connectTimeout(TIMEOUT).followRedirects(HttpClient.Redirect.NEVER).build();

    private final String contentType;

    /** @param contentType of request bodies, or null where nothing is posted */
    LoopbackLoader(String contentType) {
        this.contentType = contentType;
    }

    @Override
    public byte[] get(String url) {
        return send(HttpRequest.newBuilder(loopback(url)).timeout(TIMEOUT).GET().build());
    }

    @Override
    public DataAndUrl get(List<String> urls) {
        for (String url : urls) {
            byte[] data = get(url);
            if (data.length > 0) {
                return new DataAndUrl(url, data);
            }
        }
        throw new DSSExternalResourceException("no address answered");
    }

    @Override
    public byte[] post(String url, byte[] content) {
        return send(HttpRequest.newBuilder(loopback(url))
                .timeout(TIMEOUT)
                .header("Content-Type", contentType)
                .POST(HttpRequest.BodyPublishers.ofByteArray(content))
                .build());
    }

    @Override
    public void setContentType(String ignored) {
        throw new UnsupportedOperationException("the content type is given at construction");
    }

    private static URI loopback(String url) {
        URI uri = URI.create(url);
        try {
            if (!"http".equals(uri.getScheme()) || !InetAddress.getByName(uri.getHost()).isLoopbackAddress()) {
                throw new DSSExternalResourceException(url + " is not on loopback");
            }
        } catch (IOException error) {
            throw new DSSExternalResourceException(url + " does not resolve", error);
        }
        return uri;
    }

    private static byte[] send(HttpRequest request) {
        try {
            HttpResponse<byte[]> response = CLIENT.send(request, HttpResponse.BodyHandlers.ofByteArray());
            if (response.statusCode() != 200) {
                throw new DSSExternalResourceException(request.uri() + " answered " + response.statusCode());
            }
            return response.body();
        } catch (IOException error) {
            throw new DSSExternalResourceException(request.uri() + " failed", error);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new DSSException("interrupted", error);
        }
    }
}
